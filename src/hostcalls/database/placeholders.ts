/**
 * Places for parameters, however a function writes them: `$1`, `?`, `%s` or `%(name)s`. Postgres
 * understands only the first. Which of them a statement uses is seen from its parameters: their number
 * must be the number of places, so that `data ? 'key'` beside `$1` stays the operator it is.
 */
import { OrlaError } from "../../base/errors.ts";
import { scanSql } from "./sql-scanner.ts";

export interface NumberedStatement<P> {
  readonly sql: string;
  readonly params: readonly P[];
}

interface Place {
  readonly from: number;
  readonly to: number;
  /** Of `%(name)s`. */
  readonly name?: string;
}

interface Found {
  readonly dollars: boolean;
  readonly question: readonly Place[];
  readonly percent: readonly Place[];
  readonly named: readonly Place[];
  /** `??` and `%%`: one of each is meant where the other one of the pair is a place. */
  readonly doubledQuestion: readonly Place[];
  readonly doubledPercent: readonly Place[];
}

const namedPlace = /%\(([^()]*)\)s/y;
const wordCharacter = /[A-Za-z0-9_$\u0080-\uffff]/;

/** Throws `invalid_request` when places and parameters do not match. */
export function numberPlaceholders<P>(
  sql: string,
  params: readonly P[] | Readonly<Record<string, P>>,
): NumberedStatement<P> {
  if (!isList(params)) return numberNames(sql, params);
  if (params.length === 0) return { sql, params };
  const found = findPlaces(sql);
  if (found.dollars) return { sql, params };
  const { question, percent, doubledQuestion, doubledPercent } = found;
  const fits = (places: readonly Place[]) => places.length === params.length;
  if (fits(question) !== fits(percent)) {
    return fits(question)
      ? { sql: rewrite(sql, question, doubledQuestion), params }
      : { sql: rewrite(sql, percent, doubledPercent), params };
  }
  const counts = [`${question.length} of ?`, `${percent.length} of %s`].join(" and ");
  throw new OrlaError(
    "invalid_request",
    `there are ${params.length} parameters, but ${counts} in the statement`,
    {
      hint:
        "Write the places as $1, $2, …; a question mark that is an operator is then left alone.",
    },
  );
}

function numberNames<P>(sql: string, params: Readonly<Record<string, P>>): NumberedStatement<P> {
  const { named, doubledPercent } = findPlaces(sql);
  const names: string[] = [];
  const numberOf = ({ name = "" }: Place): number => {
    if (!Object.hasOwn(params, name)) {
      throw new OrlaError("invalid_request", `there is no parameter for %(${name})s`);
    }
    if (!names.includes(name)) names.push(name);
    return names.indexOf(name) + 1;
  };
  const text = rewrite(sql, named, doubledPercent, numberOf);
  // Each was found to be there.
  return { sql: text, params: names.map((name) => params[name] as P) };
}

function findPlaces(sql: string): Found {
  const [question, percent, named]: [Place[], Place[], Place[]] = [[], [], []];
  const [doubledQuestion, doubledPercent]: [Place[], Place[]] = [[], []];
  let dollars = false;
  let skipTo = 0;
  for (const { kind, from } of scanSql(sql)) {
    if (kind !== "other" || from < skipTo) continue;
    const char = sql.charAt(from);
    const next = sql.charAt(from + 1);
    if (char === "$") {
      dollars ||= /\d/.test(next);
    } else if (char === "?") {
      if (next === "?") {
        doubledQuestion.push({ from, to: skipTo = from + 2 });
      } else if (!isQuestionOperator(sql, from)) {
        question.push({ from, to: from + 1 });
      }
    } else if (char === "%") {
      if (next === "%") doubledPercent.push({ from, to: skipTo = from + 2 });
      else if (next === "s" && !wordCharacter.test(sql.charAt(from + 2))) {
        percent.push({ from, to: from + 2 });
      } else if (next === "(") {
        namedPlace.lastIndex = from;
        const match = namedPlace.exec(sql);
        if (match === null) continue;
        named.push({ from, to: skipTo = from + match[0].length, name: match[1] ?? "" });
      }
    }
  }
  return { dollars, question, percent, named, doubledQuestion, doubledPercent };
}

/** `?|` and `?&` of jsonb, `@?` of jsonpath; but `? || 'x'` without its space is a place. */
function isQuestionOperator(sql: string, at: number): boolean {
  const [before, next, afterNext] = [sql.charAt(at - 1), sql.charAt(at + 1), sql.charAt(at + 2)];
  return before === "@" || next === "&" || (next === "|" && afterNext !== "|");
}

function rewrite(
  sql: string,
  places: readonly Place[],
  doubled: readonly Place[],
  numberOf: (place: Place, index: number) => number = (_, index) => index + 1,
): string {
  const edits = [
    ...places.map((place, index) => ({ ...place, text: `$${numberOf(place, index)}` })),
    ...doubled.map((place) => ({ ...place, text: sql.charAt(place.from) })),
  ].sort((a, b) => a.from - b.from);
  let rewritten = "";
  let offset = 0;
  for (const { from, to, text } of edits) {
    rewritten += sql.slice(offset, from) + text;
    offset = to;
  }
  return rewritten + sql.slice(offset);
}

function isList<P>(params: readonly P[] | Readonly<Record<string, P>>): params is readonly P[] {
  return Array.isArray(params);
}
