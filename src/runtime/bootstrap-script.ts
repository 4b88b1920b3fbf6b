/**
 * Makes one script of the sandbox's modules. An instance evaluates it as text: Deno parses modules
 * with a second parser and keeps what that needed, 3 MB of private memory in every process, and would
 * strip the types anew each time. Linked as text, a blank instance takes 10.5 MB instead of 16.4.
 */
import { linkScript } from "./script-linker.ts";

const REHEARSAL = new URL("../sandbox/javascript/rehearsal/", import.meta.url);
const ENTRY = new URL("../sandbox/javascript/bootstrap.ts", import.meta.url);

/**
 * Writes the bootstrap into a directory that every user may read, whatever the umask: instances may
 * have users of their own. Returns the path of its main module, which has nothing
 * but an import of the script as text: a main module's own imports need no permission.
 */
export async function writeBootstrap(directory: string): Promise<string> {
  const script = `${directory}/bootstrap.txt`;
  const main = `${directory}/main.js`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(script, linkScript(ENTRY));
  await Deno.writeTextFile(
    main,
    'import script from "./bootstrap.txt" with { type: "text" };\nawait (0, eval)(script);\n',
  );
  for (const path of [script, main]) await Deno.chmod(path, 0o644);
  const rehearsal = `${directory}/rehearsal`;
  await Deno.mkdir(rehearsal);
  for await (const { name } of Deno.readDir(REHEARSAL)) {
    await Deno.copyFile(new URL(name, REHEARSAL), `${rehearsal}/${name}`);
    await Deno.chmod(`${rehearsal}/${name}`, 0o644);
  }
  for (const path of [rehearsal, directory]) await Deno.chmod(path, 0o755);
  return main;
}
