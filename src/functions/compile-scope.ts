/**
 * What a module declares, what it takes from outside, and which of the calls and assignments that
 * register a handler it makes. Names are resolved as ECMAScript does, so that a local `exports` or
 * `serve` is not taken for the platform's.
 */
import type {
  AnyNode,
  AssignmentExpression,
  CallExpression,
  Expression,
  Function as FunctionNode,
  ImportDeclaration,
  ImportExpression,
  Node,
  Pattern,
  Program,
} from "acorn";
import { childNodes } from "./compile-syntax.ts";

/** How a name came into the module's own scope. */
export type Declaration =
  | { readonly kind: "function"; readonly node: FunctionNode }
  | { readonly kind: "class"; readonly node: AnyNode }
  | { readonly kind: "import"; readonly node: ImportDeclaration }
  /** `init` is `null` where the value cannot be read off the declaration. */
  | { readonly kind: "variable"; readonly node: AnyNode; readonly init: Expression | null };

export interface ModuleScope {
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** Every name used as a value, declared or not. */
  readonly used: ReadonlySet<string>;
  /** Calls of a name that nothing in the module declares: `serve`, `require`; or `Deno.serve`. */
  readonly globalCalls: ReadonlyArray<{ readonly name: string; readonly node: CallExpression }>;
  /** Assignments to CommonJS's `exports.x` (its path is `["exports", "x"]`) and `module.exports`. */
  readonly globalAssignments: ReadonlyArray<
    { readonly path: readonly string[]; readonly node: AssignmentExpression }
  >;
  readonly importCalls: readonly ImportExpression[];
}

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly parent: Scope | null;
}

export function analyseScope(program: Program): ModuleScope {
  const declarations = moduleDeclarations(program);
  const used = new Set<string>();
  const globalCalls: Array<{ name: string; node: CallExpression }> = [];
  const globalAssignments: Array<{ path: string[]; node: AssignmentExpression }> = [];
  const importCalls: ImportExpression[] = [];

  const visit = (node: AnyNode, scope: Scope): void => {
    switch (node.type) {
      case "Identifier":
        used.add(node.name);
        return;
      case "ImportDeclaration":
      case "BreakStatement":
      case "ContinueStatement":
      case "MetaProperty":
        return;
      case "ExportNamedDeclaration":
        if (node.declaration) visit(node.declaration, scope);
        if (!node.source) {
          for (const { local } of node.specifiers) {
            if (local.type === "Identifier") visit(local, scope);
          }
        }
        return;
      case "LabeledStatement":
        return visit(node.body, scope);
      case "MemberExpression":
        visit(node.object, scope);
        if (node.computed) visit(node.property, scope);
        return;
      case "Property":
      case "MethodDefinition":
      case "PropertyDefinition":
        if (node.computed) visit(node.key, scope);
        if (node.value) visit(node.value, scope);
        return;
      case "CallExpression": {
        const path = memberPath(node.callee);
        if (path !== null && !isDeclared(path[0] ?? "", scope)) {
          globalCalls.push({ name: path.join("."), node });
        }
        break;
      }
      case "AssignmentExpression": {
        const path = memberPath(node.left);
        if (path !== null && path.length > 1 && !isDeclared(path[0] ?? "", scope)) {
          globalAssignments.push({ path, node });
        }
        break;
      }
      case "ImportExpression":
        importCalls.push(node);
        break;
    }
    const inner = scopeOf(node, scope);
    for (const child of childNodes(node)) visit(child, inner);
  };
  visit(program, { names: new Set(declarations.keys()), parent: null });
  return { declarations, used, globalCalls, globalAssignments, importCalls };
}

/** `["Deno", "serve"]` for `Deno.serve`, `globalThis.Deno.serve` and `Deno["serve"]`. */
export function memberPath(node: Node): string[] | null {
  const path: string[] = [];
  let current = node as AnyNode;
  while (current.type === "MemberExpression") {
    const { property } = current;
    if (!current.computed && property.type === "Identifier") path.unshift(property.name);
    else if (property.type === "Literal" && typeof property.value === "string") {
      path.unshift(property.value);
    } else return null;
    current = current.object;
  }
  if (current.type !== "Identifier") return null;
  const isGlobal = current.name === "globalThis" || current.name === "self";
  if (!isGlobal || path.length === 0) path.unshift(current.name);
  return path;
}

function isDeclared(name: string, scope: Scope): boolean {
  for (let current: Scope | null = scope; current !== null; current = current.parent) {
    if (current.names.has(name)) return true;
  }
  return false;
}

/** The scope inside a node that opens one. */
function scopeOf(node: AnyNode, parent: Scope): Scope {
  const names = new Set<string>();
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      if (node.type === "FunctionExpression" && node.id) names.add(node.id.name);
      for (const parameter of node.params) addPatternNames(parameter, names);
      if (node.body.type === "BlockStatement") addVarNames(node.body, names);
      break;
    case "ClassExpression":
      if (node.id) names.add(node.id.name);
      break;
    case "BlockStatement":
      addLexicalNames(node.body, names);
      break;
    case "StaticBlock":
      addLexicalNames(node.body, names);
      for (const statement of node.body) addVarNames(statement, names);
      break;
    case "SwitchStatement":
      for (const { consequent } of node.cases) addLexicalNames(consequent, names);
      break;
    case "ForStatement":
      if (node.init) addLexicalNames([node.init], names);
      break;
    case "ForInStatement":
    case "ForOfStatement":
      addLexicalNames([node.left], names);
      break;
    case "CatchClause":
      if (node.param) addPatternNames(node.param, names);
      break;
    default:
      return parent;
  }
  return names.size === 0 ? parent : { names, parent };
}

function moduleDeclarations(program: Program): Map<string, Declaration> {
  const declarations = new Map<string, Declaration>();
  const vars = new Set<string>();
  for (const item of program.body) {
    const node: AnyNode | null | undefined =
      item.type === "ExportNamedDeclaration" || item.type === "ExportDefaultDeclaration"
        ? item.declaration
        : item;
    if (!node) continue;
    addVarNames(node, vars);
    switch (node.type) {
      case "ImportDeclaration":
        for (const { local } of node.specifiers) {
          declarations.set(local.name, { kind: "import", node });
        }
        break;
      case "FunctionDeclaration":
        if (node.id) declarations.set(node.id.name, { kind: "function", node });
        break;
      case "ClassDeclaration":
        if (node.id) declarations.set(node.id.name, { kind: "class", node });
        break;
      case "VariableDeclaration":
        for (const declarator of node.declarations) {
          const names = new Set<string>();
          addPatternNames(declarator.id, names);
          const init = declarator.id.type === "Identifier" && node.kind === "const"
            ? declarator.init ?? null
            : null;
          for (const name of names) {
            declarations.set(name, { kind: "variable", node: declarator, init });
          }
        }
    }
  }
  // A `var` in a block belongs to the module as well.
  for (const name of vars) {
    if (!declarations.has(name)) {
      declarations.set(name, { kind: "variable", node: program, init: null });
    }
  }
  return declarations;
}

/** Names that `let`, `const`, `class` and `function` declare directly among these statements. */
function addLexicalNames(statements: readonly AnyNode[], names: Set<string>): void {
  for (const node of statements) {
    if (node.type === "VariableDeclaration" && node.kind !== "var") {
      for (const { id } of node.declarations) addPatternNames(id, names);
    } else if (
      (node.type === "FunctionDeclaration" || node.type === "ClassDeclaration") && node.id
    ) {
      names.add(node.id.name);
    }
  }
}

/** Names that `var` declares anywhere in the node, functions inside it aside. */
function addVarNames(node: AnyNode, names: Set<string>): void {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "StaticBlock":
      return;
    case "VariableDeclaration":
      if (node.kind === "var") {
        for (const { id } of node.declarations) {
          addPatternNames(id, names);
        }
      }
  }
  for (const child of childNodes(node)) addVarNames(child, names);
}

function addPatternNames(pattern: Pattern, names: Set<string>): void {
  switch (pattern.type) {
    case "Identifier":
      names.add(pattern.name);
      return;
    case "MemberExpression":
      return;
    case "ObjectPattern":
      for (const property of pattern.properties) {
        addPatternNames(property.type === "RestElement" ? property : property.value, names);
      }
      return;
    case "ArrayPattern":
      for (const element of pattern.elements) if (element) addPatternNames(element, names);
      return;
    case "RestElement":
      return addPatternNames(pattern.argument, names);
    case "AssignmentPattern":
      return addPatternNames(pattern.left, names);
  }
}
