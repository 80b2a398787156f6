// What the painter writes, run through a small terminal: it shows exactly the frame, whatever was
// shown before; nothing is written twice; and a terminal that takes other widths for joined emoji
// still has everything else in its place.

import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import stringWidth from "string-width";
import { graphemesOf } from "../../lib/terminal/graphemes.ts";
import { type Frame, FramePainter } from "../../lib/terminal/painter.ts";
import { plainLine, type Role, type StyledLine } from "../../lib/terminal/styled.ts";

/** A cell: what stands in it, and how it looks. The right half of a wide one is empty. */
type Cell = readonly [text: string, sgr: string];

const BLANK: Cell = [" ", ""];
/** Whether a terminal takes the width of each code point by itself, as old ones do. */
const OLD = true;
const STYLES: Readonly<Partial<Record<Role, string>>> = {
  error: "31",
  mention: "1;7",
  bar: "48;5;236",
};
const ROLES = ["text", "notice", "error", "mention", "bar"] as const;
/** Of several code points each, whose width terminals do not agree on. */
const JOINED = ["\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", "\u2764\ufe0f", "\u{1f1e8}\u{1f1ed}"];
const GRAPHEMES = ["a", "Z", " ", "\u4e2d", "e\u0301", "\u00e9", "\u{1f600}", ...JOINED];

function sgr(role: Role): string {
  return STYLES[role] ?? "";
}

/** As much of a terminal as the painter uses. */
class Screen {
  cells: Cell[][];
  row = 0;
  column = 0;
  isCursorShown = true;
  #style = "";

  constructor(
    readonly columns: number,
    rows: number,
    /** See {@linkcode OLD}. */
    readonly isOld: boolean = !OLD,
  ) {
    this.cells = Array.from({ length: rows }, () => this.#blankRow());
  }

  write(bytes: string): void {
    // deno-lint-ignore no-control-regex -- the escape is what is looked for
    for (const [, sequence, text] of bytes.matchAll(/\x1b\[([?\d;]*[A-Za-z])|([^\x1b]+)/gu)) {
      if (text !== undefined) this.#print(text);
      else this.#control(sequence ?? "");
    }
  }

  /** Somebody else writes onto the terminal. */
  spoil(): void {
    this.cells = this.cells.map((row) => row.map(() => ["#", "5"]));
    this.#style = "5";
  }

  #blankRow(): Cell[] {
    return Array.from({ length: this.columns }, () => BLANK);
  }

  #print(text: string): void {
    const parts = this.isOld
      ? [...text].map((char) => ({ text: char, width: stringWidth(char) }))
      : graphemesOf(text);
    for (const { text: part, width } of parts) {
      const cells = this.cells[this.row] ?? [];
      if (width === 0) {
        const at = this.column - (cells[this.column - 1]?.[0] === "" ? 2 : 1);
        const [before = "", style = ""] = cells[at] ?? [];
        if (at >= 0) cells[at] = [before + part, style];
        continue;
      }
      if (this.column + width > this.columns) this.column = this.columns - width;
      for (let index = 0; index < width; index++) this.#clearCell(this.column + index);
      cells[this.column] = [part, this.#style];
      if (width === 2) cells[this.column + 1] = ["", this.#style];
      this.column += width;
    }
  }

  /** Where half of a wide character is overwritten, the other half is gone. */
  #clearCell(column: number): void {
    const cells = this.cells[this.row] ?? [];
    const [text = ""] = cells[column] ?? [];
    if (text === "" && column > 0) cells[column - 1] = BLANK;
    if (cells[column + 1]?.[0] === "") cells[column + 1] = BLANK;
    cells[column] = BLANK;
  }

  #control(sequence: string): void {
    const [first = 1, second = 1] = sequence.slice(0, -1).split(";").map((each) =>
      Number(each || 1)
    );
    switch (sequence.at(-1)) {
      case "H":
        this.row = first - 1;
        this.column = Math.min(second, this.columns) - 1;
        break;
      case "G":
        this.column = Math.min(first, this.columns) - 1;
        break;
      case "K":
        for (let column = this.column; column < this.columns; column++) this.#clearCell(column);
        assertEquals(this.#style, "", "cleared in colour");
        break;
      case "J":
        this.cells = this.cells.map(() => this.#blankRow());
        break;
      case "m":
        this.#style = sequence.slice(0, -1).replace(/^0(;|$)/, "");
        break;
      default:
        if (/^\?25[hl]$/.test(sequence)) this.isCursorShown = sequence.endsWith("h");
        else assert(/^\?2026[hl]$/.test(sequence), sequence);
    }
  }
}

/** What a terminal is to show. */
function cellsOf({ columns, rows, lines }: Frame): Cell[][] {
  return Array.from({ length: rows }, (_, row) => {
    const cells: Cell[] = [];
    for (const { text, role } of lines[row] ?? []) {
      for (const grapheme of graphemesOf(text)) {
        cells.push([grapheme.text, sgr(role)]);
        if (grapheme.width === 2) cells.push(["", sgr(role)]);
      }
    }
    return [...cells, ...Array.from({ length: columns - cells.length }, () => BLANK)];
  });
}

/** A row that fits. */
function arbitraryLine(columns: number): fc.Arbitrary<StyledLine> {
  const text = fc.array(fc.constantFrom(...GRAPHEMES), { maxLength: columns })
    .map((parts) => parts.join(""));
  const line = fc.array(fc.record({ text, role: fc.constantFrom(...ROLES) }), { maxLength: 3 });
  return line.map((spans) => {
    let left = columns;
    return spans.map((span) => {
      let kept = "";
      for (const grapheme of graphemesOf(span.text)) {
        if (grapheme.width > left) break;
        left -= grapheme.width;
        kept += grapheme.text;
      }
      return { text: kept, role: span.role };
    });
  });
}

const FRAMES: fc.Arbitrary<Frame[]> = fc
  .record({ columns: fc.integer({ min: 2, max: 12 }), rows: fc.integer({ min: 1, max: 4 }) })
  .chain(({ columns, rows }) => {
    const cursor = fc.option(fc.record({ row: fc.nat(rows - 1), column: fc.nat(columns - 1) }));
    const lines = fc.array(arbitraryLine(columns), { maxLength: rows });
    return fc.array(fc.record({ lines, cursor }).map((rest) => ({ columns, rows, ...rest })), {
      minLength: 1,
      maxLength: 5,
    });
  });

Deno.test("FramePainter has a terminal show exactly the frame", () => {
  fc.assert(
    fc.property(fc.array(FRAMES, { minLength: 1, maxLength: 3 }), fc.boolean(), (sizes, spoils) => {
      const painter = new FramePainter(sgr);
      for (const frames of sizes) {
        const [first] = frames;
        const screen = new Screen(first?.columns ?? 0, first?.rows ?? 0);
        // Another size; or else, another program.
        screen.spoil();
        painter.forget();
        for (const [index, frame] of frames.entries()) {
          if (spoils && index === 2) {
            screen.spoil();
            painter.forget();
          }
          screen.write(painter.paint(frame));
          assertEquals(screen.cells, cellsOf(frame));
          assertEquals(screen.isCursorShown, frame.cursor !== null);
          if (frame.cursor !== null) {
            assertEquals({ row: screen.row, column: screen.column }, { ...frame.cursor });
          }
          assertEquals(painter.paint(frame), "");
          assertEquals(painter.paint({ ...frame, lines: structuredClone(frame.lines) }), "");
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("FramePainter paints a frame of another size whole, without being told", () => {
  fc.assert(
    fc.property(FRAMES, FRAMES, ([one], [other]) => {
      fc.pre(one !== undefined && other !== undefined);
      fc.pre(one.columns !== other.columns || one.rows !== other.rows);
      const painter = new FramePainter(sgr);
      painter.paint(one);
      const screen = new Screen(other.columns, other.rows);
      screen.spoil();
      screen.write(painter.paint(other));
      assertEquals(screen.cells, cellsOf(other));
    }),
  );
});

Deno.test("FramePainter keeps everything in its place where a terminal joins no emoji", () => {
  fc.assert(
    fc.property(FRAMES, (frames) => {
      const [first] = frames;
      const screen = new Screen(first?.columns ?? 0, first?.rows ?? 0, OLD);
      const painter = new FramePainter(sgr);
      for (const frame of frames) {
        screen.write(painter.paint(frame));
        for (const [row, cells] of cellsOf(frame).entries()) {
          for (const [column, cell] of cells.entries()) {
            const isJoined = (at: number): boolean => JOINED.includes(cells[at]?.[0] ?? "");
            // Which of them one sees, and where in its two columns, is the terminal's business.
            if (isJoined(column) || isJoined(column - 1)) continue;
            // One too wide for the last column moves left, over what stands there.
            if (isJoined(frame.columns - 2) && column >= frame.columns - 4) continue;
            assertEquals(screen.cells[row]?.[column], cell);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("FramePainter leaves nothing of what was there beside a character drawn narrower", () => {
  const painter = new FramePainter(sgr);
  const screen = new Screen(10, 1, OLD);
  for (const text of ["xxxx", "\u2764\ufe0fb"]) {
    screen.write(painter.paint({ columns: 10, rows: 1, lines: [plainLine(text)], cursor: null }));
  }
  assertEquals(screen.cells.map((row) => row.map(([text]) => text).join("")), [
    "\u2764\ufe0f b       ",
  ]);
});

Deno.test("FramePainter writes only what changed", () => {
  const painter = new FramePainter(sgr);
  const lines = Array.from({ length: 50 }, (_, row) => plainLine(`line ${row} `.repeat(10)));
  const frame = { columns: 100, rows: 50, lines, cursor: { row: 49, column: 3 } };
  const whole = painter.paint(frame);
  const changed = lines.with(7, plainLine("other"));
  assertEquals(
    painter.paint({ ...frame, lines: changed }),
    "\x1b[?2026h\x1b[?25l\x1b[8;1Hother\x1b[K\x1b[50;4H\x1b[?25h\x1b[?2026l",
  );
  const moved = painter.paint({ ...frame, lines: changed, cursor: { row: 49, column: 4 } });
  assertEquals(moved, "\x1b[?2026h\x1b[50;5H\x1b[?2026l");
  assertLess(moved.length, whole.length / 100);
  assertEquals(
    painter.paint({ ...frame, lines: changed, cursor: null }),
    "\x1b[?2026h\x1b[?25l\x1b[?2026l",
  );
});

Deno.test("FramePainter changes colours only where they change", () => {
  const painter = new FramePainter(sgr);
  const line: StyledLine = [
    { text: "a", role: "error" },
    { text: "", role: "mention" },
    { text: "b", role: "error" },
    { text: "c", role: "mention" },
    { text: "d", role: "text" },
    { text: "e", role: "notice" },
  ];
  const painted = painter.paint({ columns: 10, rows: 1, lines: [line], cursor: null });
  assert(
    painted.includes("\x1b[31mab\x1b[0;1;7mc\x1b[0mde\x1b[K"),
    JSON.stringify(painted),
  );
});

Deno.test("FramePainter cuts off what is wider than the terminal", () => {
  const painter = new FramePainter(sgr);
  const frame: Frame = {
    columns: 10,
    rows: 1,
    lines: [plainLine("0123456789ab"), plainLine("below")],
    cursor: { row: 7, column: 70 },
  };
  const screen = new Screen(10, 1);
  screen.write(painter.paint(frame));
  assertEquals(screen.cells.map((row) => row.map(([text]) => text).join("")), ["0123456..."]);
  assertEquals([screen.row, screen.column], [0, 9]);
});
