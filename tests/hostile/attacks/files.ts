/** Reading and writing what is not the function's own. */
import { type Attack, fails, refused } from "../attack.ts";

const denied = (source: string) => refused(["permissions", "landlock"], source);
const BARE = { openIn: ["bare"] } as const;
const walled = (source: string) => refused(["landlock"], source, BARE);
/** What belongs to somebody else. */
const foreign = (source: string) => refused(["landlock", "user"], source, BARE);

export const fileAttacks: readonly Attack[] = [
  {
    name: "read the machine's files",
    behindDeno: ["readPasswd", "readSource", "listRoot"],
    code: {
      javascript: denied(`return Deno.readTextFileSync("/etc/passwd").length > 0;`),
      python: walled(`return len(open("/etc/passwd").read()) > 0`),
    },
  },
  {
    name: "read files through Node's modules",
    code: {
      javascript: denied(
        `return (await builtin("fs")).readFileSync("/etc/passwd").length > 0;`,
      ),
    },
  },
  {
    name: "import Node's file system",
    code: {
      javascript: {
        source: `import fs from "node:fs";
          export const main = () => fs.readFileSync("/etc/passwd", "utf8");`,
        walls: ["compiler", "permissions", "landlock"],
        seen: { is: "fails", codes: ["not_supported"] },
        whole: true,
        noControl: "it is refused before it exists",
      },
    },
  },
  {
    name: "import a file as text at the top of the module",
    code: {
      javascript: {
        source: `const url = "file:///etc/passwd";
          const stolen = (await import(url, { with: { type: "text" } })).default;
          export const main = () => stolen;`,
        walls: ["permissions", "landlock"],
        seen: { is: "fails", codes: ["function_error"] },
        whole: true,
        ruinsItself: true,
        noControl: "as the next one",
      },
    },
  },
  {
    name: "import a file as text while a call runs",
    code: {
      javascript: denied(`const url = "file:///etc/passwd";
        return (await import(url, { with: { type: "text" } })).default.length > 0;`),
    },
  },
  {
    name: "fetch a file: URL",
    code: {
      javascript: denied(`return (await (await fetch("file:///etc/passwd")).text()).length > 0;`),
    },
  },
  {
    name: "read the secrets in the data directory",
    code: {
      javascript: denied(`return Deno.readTextFileSync(target.secretFile).length > 0;`),
      python: foreign(`return len(open(target["secretFile"]).read()) > 0`),
    },
  },
  {
    name: "read another instance's files",
    behindDeno: ["readSiblingFile", "listSiblings"],
    code: {
      javascript: denied(`return Deno.readFileSync(target.siblingFile).length > 0;`),
      python: foreign(`return len(open(target["siblingFile"], "rb").read()) > 0`),
    },
  },
  {
    name: "list the directories of all instances",
    code: {
      javascript: denied(`return [...Deno.readDirSync(target.runtimeDir)].length > 0;`),
      python: foreign(`import os\nreturn len(os.listdir(target["runtimeDir"])) > 0`),
    },
  },
  {
    name: "read the node's environment and memory in /proc",
    behindDeno: ["readParentEnviron", "readSiblingEnviron", "readSiblingMemory"],
    code: {
      javascript: denied(`return Deno.readFileSync("/proc/" + target.node + "/environ").length > 0
        || Deno.openSync("/proc/" + target.node + "/mem") !== null;`),
      python: foreign(`return len(open("/proc/%d/environ" % target["node"], "rb").read()) > 0`),
    },
  },
  {
    name: "read its own environment in /proc",
    behindDeno: ["readOwnEnviron"],
    code: {
      javascript: denied(`Deno.readFileSync("/proc/self/environ"); return true;`),
      python: walled(`open("/proc/self/environ", "rb").read()\nreturn True`),
    },
  },
  {
    name: "list the machine's processes",
    code: {
      javascript: denied(`return [...Deno.readDirSync("/proc")].length > 0;`),
      python: walled(`import os\nreturn len(os.listdir("/proc")) > 0`),
    },
  },
  {
    name: "write to /tmp",
    behindDeno: ["writeTemporary"],
    code: {
      javascript: denied(`Deno.writeTextFileSync(target.newFile, "x"); return true;`),
      python: walled(`open(target["newFile"], "w").write("x")\nreturn True`),
    },
  },
  {
    name: "write to shared memory in /dev/shm",
    code: {
      javascript: denied(`const path = "/dev/shm/" + crypto.randomUUID();
        Deno.writeTextFileSync(path, "x");
        Deno.removeSync(path);
        return true;`),
      python: walled(`import os, uuid
path = "/dev/shm/%s" % uuid.uuid4()
open(path, "w").write("x")
os.remove(path)
return True`),
    },
  },
  {
    name: "change its own module on disk",
    behindDeno: [
      "writeOwnDirectory",
      "makeDirectory",
      "removeOwnFile",
      "renameOwnFile",
      "fillFile",
    ],
    code: {
      javascript: denied(`for (const { name } of Deno.readDirSync(".")) {
          if (name.endsWith(".js")) Deno.writeTextFileSync(name, "");
        }
        Deno.writeTextFileSync("made.js", "x");
        return true;`),
    },
  },
  {
    name: "make a symbolic link and read through it",
    behindDeno: ["makeLink"],
    code: {
      javascript: denied(`Deno.symlinkSync("/etc/passwd", target.newFile);
        return Deno.readTextFileSync(target.newFile).length > 0;`),
      python: walled(`import os
os.symlink("/etc/passwd", "link-to-passwd")
return len(open("link-to-passwd").read()) > 0`),
    },
  },
  {
    name: "make a hard link of a file outside",
    code: {
      javascript: denied(`Deno.linkSync("/etc/passwd", target.newFile);
        return Deno.readTextFileSync(target.newFile).length > 0;`),
      python: foreign(`import os
os.link(target["secretFile"], "hard-link")
return len(open("hard-link").read()) > 0`),
    },
  },
  {
    name: "change modes, owners and times of files",
    behindDeno: ["changeMode", "changeTime"],
    code: {
      javascript: denied(`Deno.writeTextFileSync(target.newFile, "");
        Deno.chmodSync(target.newFile, 0o777);
        return true;`),
      python: refused(
        ["seccomp", "user"],
        `import os\nos.chmod(target["siblingFile"], 0o777)\nreturn True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "walk out of a directory by ..",
    code: {
      javascript: denied(`return Deno.readTextFileSync("../../etc/passwd").length > 0
        || Deno.readTextFileSync("./../../../etc/passwd").length > 0;`),
      python: walled(`return len(open("/usr/lib/../../etc/passwd").read()) > 0`),
    },
  },
  {
    name: "open a device",
    code: {
      javascript: denied(`return Deno.openSync("/dev/zero") !== null;`),
      python: walled(`return open("/dev/zero", "rb") is not None`),
    },
  },
  {
    name: "attach a database file",
    code: {
      javascript: denied(`const { DatabaseSync } = await builtin("sqlite");
        new DatabaseSync(":memory:").exec("ATTACH '" + target.newFile + "' AS other; CREATE TABLE other.t(a)");
        return true;`),
    },
  },
  {
    name: "keep state in storage that instances share",
    code: {
      javascript: refused(
        ["bootstrap", "permissions", "landlock"],
        `
        localStorage.setItem("kept", "1");
        return localStorage.getItem("kept") === "1";`,
        {
          noControl: "needs a place to keep it",
        },
      ),
    },
  },
  {
    name: "keep state in the cache of the Web platform",
    code: {
      javascript: refused(
        ["bootstrap", "landlock"],
        `return (await caches.open("shared")) !== null;`,
      ),
    },
  },
  {
    name: "keep state in Deno's key-value store",
    code: {
      javascript: refused(
        ["permissions", "landlock"],
        `
        const store = await Deno.openKv(target.newFile);
        await store.set(["kept"], 1);
        return true;`,
        { noControl: "needs a flag" },
      ),
    },
  },
  {
    name: "leave a core dump behind",
    code: {
      javascript: fails(
        ["function_error", "instance_crashed"],
        ["bootstrap", "limits"],
        `
        (await builtin("process")).default.abort();`,
        { noControl: "it ends the process" },
      ),
      python: fails(
        ["instance_crashed", "function_error"],
        ["limits"],
        `
import os
os.abort()`,
        { noControl: "it ends the process" },
      ),
    },
  },
];
