import assert from "node:assert/strict";
import { PythonInstance } from "./python-instance.ts";

const argumentsSeen: [type: string, json: string, python: string][] = [
  ["integer", "7", "7"],
  ["bigint", "9223372036854775807", "9223372036854775807"],
  ["int8", '"12"', "12"],
  ["integer", "3.0", "3"],
  ["smallint", '"x"', "'x'"],
  ["boolean", "true", "True"],
  ["integer", "true", "True"],
  ["real", "1", "1.0"],
  ["double precision", '"NaN"', "nan"],
  ["float8", '"-Infinity"', "-inf"],
  ["numeric", "1.10", "Decimal('1.10')"],
  ["numeric(10,2)", "12345678901234567890.12", "Decimal('12345678901234567890.12')"],
  ["numeric", "7", "Decimal('7')"],
  ["numeric", '"NaN"', "Decimal('NaN')"],
  ["decimal", '"abc"', "'abc'"],
  ["numeric", `1${"0".repeat(5000)}`, `Decimal('1${"0".repeat(5000)}')`],
  ["text", '"\\u00e9"', "'é'"],
  ["uuid", '"0b7e1a52-0000-7000-8000-000000000000"', "'0b7e1a52-0000-7000-8000-000000000000'"],
  ["timestamp with time zone", '"2026-01-02T03:04:05+00:00"', "'2026-01-02T03:04:05+00:00'"],
  ["date", '"2026-01-02"', "'2026-01-02'"],
  ["bytea", '"\\\\x00ff"', "b'\\x00\\xff'"],
  ["bytea", '"plain"', "'plain'"],
  [
    "jsonb",
    '{"a": [1.50, 12345678901234567890], "b": null}',
    "{'a': [1.5, 12345678901234567890], 'b': None}",
  ],
  ["json", "1.10", "1.1"],
  ["text[]", '["a", null]', "['a', None]"],
  ["numeric[]", "[[1.5, 2], [null, 3]]", "[[Decimal('1.5'), Decimal('2')], [None, Decimal('3')]]"],
  [
    "public.point3",
    '{"x": 1.5, "y": 0.12345678901234567891}',
    "{'x': 1.5, 'y': Decimal('0.12345678901234567891')}",
  ],
  ["integer", "null", "None"],
];

Deno.test("arguments by their declared types", async () => {
  const types = [...new Set(argumentsSeen.map(([type]) => type))];
  await using instance = await PythonInstance.start({
    parameters: types.map((type, index) => ({ name: `p${index}`, type })),
    code: "def main(*given): return [repr(each) for each in given]",
  });
  for (const [type, json, python] of argumentsSeen) {
    const at = types.indexOf(type);
    const list = types.map((_, index) => index === at ? json : "null").join(",");
    const seen = JSON.parse(await instance.text(`[${list}]`));
    assert.equal(seen[at], python, `${type} ${json.slice(0, 60)}`);
  }
});

const results: [python: string, json: string][] = [
  ["None", "null"],
  ["{'a': (1, 2), 'b': {3}, 'c': frozenset()}", '{"a":[1,2],"b":[3],"c":[]}'],
  ["10 ** 30", "1000000000000000000000000000000"],
  ["Decimal('1.10')", "1.10"],
  ["Decimal('1E+3')", "1000"],
  ["Decimal('NaN')", "null"],
  ["float('nan')", "null"],
  ["[float('inf'), 1.5, 1e100]", "[null,1.5,1e+100]"],
  ["datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)", '"2026-01-02T03:04:05+00:00"'],
  ["date(2026, 1, 2)", '"2026-01-02"'],
  ["timedelta(hours=1, microseconds=1)", '"PT3600.000001S"'],
  ["UUID(int=1)", '"00000000-0000-0000-0000-000000000001"'],
  ["[b'\\x00\\xff', bytearray(b'a'), memoryview(b'b')]", '["\\\\x00ff","\\\\x61","\\\\x62"]'],
  ["Point(1, 'é')", '{"x":1,"y":"é"}'],
  ["Pair(1, 2)", "[1,2]"],
  ["[Color.RED, Size.BIG]", '["red",2]'],
  [
    "{1: 'a', None: 'b', Color.RED: 'd', UUID(int=0): 'e', 1.5: 'f'}",
    '{"1":"a","null":"b","red":"d","00000000-0000-0000-0000-000000000000":"e","1.5":"f"}',
  ],
  ["PurePosixPath('/a/b')", '"/a/b"'],
  ["{'a': 1}.keys()", '["a"]'],
  ["range(3)", "[0,1,2]"],
  ["Model()", '{"m":[1]}'],
  ["'\\ud800 \\u2028 \"'", '"\\\\ud800 \u2028 \\\\""'],
  ["(i * 2 for i in range(3))", "[0,2,4]"],
  ["map(str, [1, 2])", '["1","2"]'],
  ["OrderedDict(a=deque([1]))", '{"a":[1]}'],
];

const prelude = `
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from uuid import UUID
Pair = namedtuple("Pair", "a b")
@dataclass
class Point:
    x: int
    y: object
class Color(Enum):
    RED = "red"
class Size(IntEnum):
    BIG = 2
class Model:
    def model_dump(self): return {"m": (1,)}
`;

Deno.test("results as JSON", async () => {
  await using instance = await PythonInstance.start({
    code: `${prelude}\ndef main(text): return eval(text)`,
  });
  for (const [python, json] of results) {
    const reply = await instance.send(
      { kind: "payload", shape: "payload" },
      JSON.stringify(python.replaceAll("\\\\", "\\")),
    );
    assert.equal(reply.body.replaceAll("\\\\", "\\"), json.replaceAll("\\\\", "\\"), python);
  }
});

Deno.test("SQL types know NaN and the infinities by name", async () => {
  const code =
    "def main(): return [float('nan'), float('-inf'), __import__('decimal').Decimal('NaN')]";
  await using typed = await PythonInstance.start({ parameters: [], returns: "numeric[]", code });
  assert.equal(await typed.text("[]"), '["NaN","-Infinity","NaN"]');
  await using plain = await PythonInstance.start({ parameters: [], returns: "jsonb", code });
  assert.equal(await plain.text("[]"), "[null,null,null]");
});

const refused: [python: string, message: RegExp][] = [
  ["object()", /^TypeError: result has type object, which JSON cannot say$/],
  ["{'a': [1, print]}", /^TypeError: result\["a"\]\[1\] has type builtin_function_or_method/],
  ["{(1, 2): 3}", /^TypeError: result has a key of type tuple/],
  ["loop()", /^ValueError: result\["a"\]\[0\] contains itself/],
  ["deep()", /^RecursionError: /],
];

Deno.test("what JSON cannot say is refused with its place", async () => {
  await using instance = await PythonInstance.start({
    code: `
def loop():
    value = {}
    value["a"] = [value]
    return value
def deep():
    value = []
    for _ in range(100000): value = [value]
    return value
def main(text): return eval(text)`,
  });
  for (const [python, message] of refused) {
    await assert.rejects(instance.payload(python), (error) => {
      assert(error instanceof Error);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(await instance.payload("1"), 1);
});

const hasNumpy =
  new Deno.Command("python3", { args: ["-I", "-c", "import numpy"], stderr: "null" }).outputSync()
    .success;

Deno.test({
  name: `numpy's arrays and scalars as results${hasNumpy ? "" : " (skipped: needs numpy)"}`,
  ignore: !hasNumpy,
  fn: async () => {
    await using instance = await PythonInstance.start({
      code: `
import numpy as np
def main():
    x = np.array([[1, 2.5]])
    return {"mean": x.mean(), "shape": x.shape, "all": x * 2, "n": np.int64(7), "nan": np.float64("nan"),
            "flag": np.bool_(True), "none": np.array([])}
`,
    });
    assert.deepEqual(await instance.payload(null), {
      mean: 1.75,
      shape: [1, 2],
      all: [[2, 5]],
      n: 7,
      nan: null,
      flag: true,
      none: [],
    });
  },
});
