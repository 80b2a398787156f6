/**
 * Letters and digits that look like others.
 *
 * Promises: {@linkcode LOOKALIKES} maps one code point to what it looks like;
 * the result is in lower case, and `i` stands for l, 1 and I too.
 * Must not know: names and their rules; those are in `names.ts`.
 *
 * The facts are those of confusables.txt of Unicode 10 (UTS #39, Unicode
 * security mechanisms), chosen for names: letters and digits of scripts in use,
 * without accents and loose Hangul jamo, and without the pairs inside the Thai,
 * Tamil, Malayalam, Myanmar and Arabic scripts that their readers tell apart.
 * Two things go further than UTS #39, since case does not keep names apart: a
 * small capital counts as its letter, and a lower-case letter without a
 * look-alike of its own has that of its capital.
 *
 * @module
 */

/** For each script, the look and the letters that have it, in turn. */
const TABLE: readonly string[] = [
  // Latin.
  `2 \u{1a8}\u{1d24}\u{a75b}  3 \u{21d}\u{25c}\u{292}\u{1d08}\u{a76a}  5 \u{1bc}  8 \u{223}
   9 \u{a76f}  a \u{251}\u{1d00}  aa \u{a733}  ae \u{e6}  ao \u{a735}  au \u{a737}
   av \u{a739}\u{a73b}  ay \u{a73d}  b \u{185}\u{299}\u{a7b5}  b\u{304} \u{183}
   b\u{314} \u{253}  b\u{335} \u{180}  c \u{1d04}  c\u{338} \u{23c}  d \u{1d05}  dz \u{2a3}
   d\u{21d} \u{2a4}  d\u{291} \u{2a5}  d\u{304} \u{18c}  d\u{314} \u{257}  d\u{328} \u{256}
   d\u{335} \u{d0}\u{111}\u{189}  e \u{1d07}\u{ab32}  e\u{338} \u{247}
   f \u{1e9d}\u{a730}\u{a799}\u{ab35}  f\u{14b} \u{2a9}  f\u{326} \u{192}
   f\u{334} \u{1d6e}  g \u{18d}\u{261}\u{262}\u{1d83}  g\u{314} \u{260}  g\u{335} \u{1e5}
   h \u{29c}  h\u{314} \u{266}  h\u{329} \u{2c67}  h\u{335} \u{127}
   i \u{1c0}\u{269}\u{26a}\u{29f}  ii \u{1c1}  is \u{2aa}  iz \u{2ab}  i\u{21d} \u{26e}
   i\u{328} \u{26d}  i\u{334} \u{26b}  i\u{335} \u{19a}\u{268}\u{1d7b}\u{1d7c}
   i\u{338} \u{142}  j \u{29d}\u{1d0a}  j\u{335} \u{249}  k \u{138}\u{1d0b}
   k\u{314} \u{199}  k\u{329} \u{2c69}  k\u{335} \u{a740}  m \u{28d}\u{1d0d}
   m\u{326} \u{271}  m\u{334} \u{1d6f}  n \u{274}  n\u{326} \u{19d}  n\u{328} \u{273}
   n\u{329} \u{19e}  n\u{334} \u{1d70}  o \u{1d0f}\u{1d11}\u{ab3d}  oe \u{153}\u{276}
   oo \u{a74f}  o\u{335} \u{275}\u{a74b}  o\u{338} \u{f8}\u{ab3e}  p \u{1d18}
   p\u{314} \u{1a5}  p\u{335} \u{1d7d}  q\u{314} \u{2a0}  r \u{280}\u{ab47}\u{ab48}
   r\u{328} \u{27d}  r\u{329} \u{27c}  r\u{334} \u{1d72}  r\u{335} \u{24d}
   s \u{1bd}\u{a731}  s\u{328} \u{282}  s\u{334} \u{1d74}  t \u{1d1b}  t3 \u{a728}
   tf \u{a777}  ts \u{2a6}  t\u{21d} \u{a729}  t\u{255} \u{2a8}  t\u{283} \u{2a7}
   t\u{314} \u{1ad}  t\u{328} \u{1ae}  t\u{334} \u{1d75}  t\u{335} \u{167}
   t\u{338} \u{23e}  u \u{28b}\u{1d1c}\u{a79f}\u{ab4e}\u{ab52}  ue \u{1d6b}  uo \u{ab63}
   u\u{335} \u{244}\u{1d7e}  v \u{1d20}  w \u{26f}\u{1d21}  w\u{326} \u{a761}  x \u{a7b3}
   y \u{263}\u{28f}\u{1d8c}\u{1eff}\u{ab5a}  y\u{314} \u{1b4}  y\u{335} \u{24f}  z \u{1d22}
   z\u{326} \u{225}  z\u{328} \u{290}  z\u{334} \u{1d76}  z\u{335} \u{1b6}  \u{fe} \u{1bf}
   \u{1dd} \u{259}  \u{1dd}o \u{1d14}  \u{1dd}o\u{335} \u{ab42}  \u{1dd}o\u{338} \u{ab41}
   \u{21d} \u{a76b}  \u{24b} \u{1d90}  \u{254} \u{1d10}\u{2184}  \u{254}e \u{ab62}
   \u{254}\u{338} \u{ab3f}  \u{27e}\u{334} \u{1d73}  \u{283} \u{ab4d}
   \u{28a}\u{335} \u{1d7f}  \u{29a} \u{a79d}  \u{3c7} \u{ab53}\u{ab55}  \u{3c9} \u{a7b7}
   \u{459} \u{ab60}  \u{30fc} \u{a7f7}  \u{a4d5} \u{a7b1}  \u{a4e4} \u{a79e}
   \u{a727} \u{a795}  \u{a793} \u{25b}`,
  // Greek.
  `a \u{3b1}  b \u{3b2}  e \u{395}  f \u{3dd}  h \u{397}  i \u{3b9}  j \u{3f3}  k \u{3ba}
   m \u{39c}\u{3fb}  n \u{39d}  n\u{329} \u{3b7}  o \u{3bf}\u{3c3}\u{3db}  o\u{335} \u{3b8}
   p \u{3c1}\u{1d29}  r \u{1d26}  t \u{3c4}  u \u{3bc}\u{3c5}  v \u{3bd}  x \u{3c7}
   y \u{3a5}\u{3b3}  z \u{3b6}  \u{fe} \u{3f8}  \u{254} \u{37b}  \u{278} \u{3c6}
   \u{283} \u{3a3}  \u{28c} \u{39b}\u{1d27}  \u{3c0} \u{1d28}  \u{1d0e} \u{377}
   \u{1e9f} \u{3b4}  \u{2c76} \u{370}  \u{a73f} \u{37d}  \u{a793} \u{3b5}`,
  // Cyrillic.
  `2 \u{a645}  3 \u{437}\u{4e0}  6 \u{431}  a \u{430}  ae \u{4d5}  b \u{432}\u{44c}
   bi \u{44b}  b\u{304} \u{411}  b\u{335} \u{463}\u{48d}  c \u{441}  c\u{326} \u{4ab}
   d \u{501}  e \u{435}\u{4bd}  e\u{328} \u{4bf}  g \u{50d}  h \u{43d}\u{4bb}
   h\u{314} \u{a695}  h\u{326} \u{4c8}\u{4ca}  h\u{329} \u{4a3}  h\u{335} \u{45b}
   i \u{456}\u{4cf}\u{a647}  io \u{44e}  j \u{458}  k \u{43a}  k\u{329} \u{49b}
   k\u{335} \u{49f}  m \u{43c}  m\u{326} \u{4ce}  o \u{43e}  oo \u{a699}
   o\u{335} \u{473}\u{4e9}  p \u{440}  q \u{51b}  r \u{433}  r\u{335} \u{493}  s \u{455}
   t \u{442}  t\u{329} \u{4ad}  v \u{475}  w \u{461}\u{51d}  x \u{445}  x\u{329} \u{4b2}
   y \u{413}\u{443}\u{4af}  y\u{335} \u{492}\u{4b1}  \u{195} \u{50a}  \u{1dd} \u{4d9}
   \u{21d} \u{4e1}  \u{278} \u{444}  \u{28c} \u{41b}  \u{28c}\u{326} \u{4c5}
   \u{298} \u{a668}  \u{3c0} \u{43f}  \u{3c8} \u{471}  \u{3c9} \u{a64d}
   \u{436}\u{329} \u{497}  \u{43b} \u{1d2b}  \u{43b}\u{326} \u{4c6}  \u{4b7} \u{4cc}
   \u{1d0e} \u{438}  \u{1d0e}\u{326}\u{300} \u{48a}  \u{1d0e}\u{326}\u{306} \u{48b}
   \u{1d19} \u{44f}  \u{a793} \u{454}\u{511}`,
  // Armenian.
  `f \u{584}  g \u{581}  h \u{570}  n \u{578}\u{57c}  o \u{585}  q \u{563}\u{566}
   s \u{57f}  u \u{57d}  w \u{561}  \u{237} \u{575}  \u{270} \u{57a}  \u{278} \u{553}
   \u{1206} \u{544}  \u{1261} \u{54c}  \u{12ae} \u{53b}  \u{1323} \u{54a}  \u{1e9f} \u{56e}`,
  // Georgian.
  `o \u{10ff}  y \u{10e7}  \u{21d} \u{10f3}  \u{a787} \u{10a0}`,
  // Cherokee.
  `4 \u{ab9e}  6 \u{abbe}  a \u{ab7a}  b \u{13fc}\u{ab9f}  c \u{abaf}  d \u{ab70}\u{abb7}
   e \u{ab7c}  g \u{13fb}\u{ab90}  h \u{ab8b}\u{ab92}  h\u{314} \u{13f2}
   i \u{ab75}\u{abae}  j \u{ab7b}  k \u{abb6}  m \u{ab87}  o\u{31b} \u{ab74}
   o\u{335} \u{ab8e}\u{abbb}  p \u{abb2}  r \u{ab71}\u{ab81}\u{aba2}  s \u{aba5}\u{abaa}
   ss \u{13f8}  t \u{ab72}  u\u{335} \u{ab9c}  v \u{aba9}  w \u{ab83}\u{ab97}\u{aba4}
   y \u{13b1}\u{ab79}\u{ab8d}  z \u{ab93}  \u{1ab} \u{13bf}  \u{242} \u{ab7e}
   \u{2c76} \u{13a8}\u{ab80}  \u{a793} \u{ab9b}`,
  // Hebrew.
  `i \u{5d5}\u{5df}  ii \u{5f0}  o \u{5e1}  v \u{5d8}`,
  // Arabic.
  `i \u{627}\u{661}\u{6f1}  o \u{647}\u{665}\u{6be}\u{6c1}\u{6d5}\u{6f5}  v \u{667}\u{6f7}
   \u{28c} \u{668}\u{6f8}  \u{629} \u{6c3}  \u{643} \u{6a9}\u{6aa}  \u{649} \u{64a}\u{6cc}
   \u{662} \u{6f2}  \u{663} \u{6f3}  \u{664} \u{6f4}  \u{666} \u{6f6}  \u{669} \u{6f9}`,
  // Bamum.
  `v \u{a6df}`,
  // Bengali.
  `8 \u{9ea}  9 \u{9ed}  o \u{9e6}  \u{985}\u{9be} \u{986}  \u{98b}\u{9c3} \u{9e0}\u{9e1}`,
  // Canadian Aboriginal.
  `2 \u{14bf}  a \u{15c5}  b \u{15af}\u{15f7}  d \u{146f}\u{15de}\u{15ea}  f \u{15b4}
   h \u{157c}  i \u{14aa}  j \u{148d}  m \u{15f0}  n \u{144e}  p \u{146d}  r \u{1587}
   u \u{144c}  v \u{142f}  w \u{15ef}  x \u{1541}\u{157d}  y \u{14a5}`,
  // Devanagari.
  `o \u{966}  \u{669} \u{967}  \u{905}\u{93e} \u{906}  \u{905}\u{93e}\u{946} \u{912}
   \u{905}\u{93e}\u{947} \u{913}  \u{905}\u{93e}\u{948} \u{914}  \u{905}\u{946} \u{904}
   \u{905}\u{949} \u{911}  \u{90f}\u{945} \u{90d}  \u{90f}\u{946} \u{90e}
   \u{90f}\u{947} \u{910}  \u{930}\u{94d}\u{907} \u{908}`,
  // Ethiopic.
  `n \u{1260}  o \u{12d0}  u \u{1200}`,
  // Gujarati.
  `o \u{ae6}  \u{93d} \u{abd}  \u{968} \u{ae8}  \u{969} \u{ae9}  \u{96a} \u{aea}
   \u{96e} \u{aee}  \u{a85}\u{abe} \u{a86}  \u{a85}\u{abe}\u{ac5} \u{a91}
   \u{a85}\u{abe}\u{ac7} \u{a93}  \u{a85}\u{abe}\u{ac8} \u{a94}  \u{a85}\u{ac5} \u{a8d}
   \u{a85}\u{ac7} \u{a8f}  \u{a85}\u{ac8} \u{a90}`,
  // Gurmukhi.
  `8 \u{a6a}  9 \u{a67}  o \u{a66}  \u{a05}\u{a3e} \u{a06}  \u{a05}\u{a48} \u{a10}
   \u{a05}\u{a4c} \u{a14}  \u{a72}\u{a3f} \u{a07}  \u{a72}\u{a40} \u{a08}
   \u{a72}\u{a47} \u{a0f}  \u{a73}\u{a41} \u{a09}  \u{a73}\u{a42} \u{a0a}`,
  // Han.
  `\u{30ce} \u{4e3f}  \u{30fc} \u{4e00}  \u{3588} \u{439b}  \u{363d} \u{39b3}
   \u{3a41} \u{6409}  \u{3ada} \u{66f6}  \u{3b35} \u{80f6}  \u{3b3a} \u{5e50}
   \u{3b3b} \u{4420}  \u{3ba3} \u{69e9}  \u{4039} \u{9fc3}  \u{403f} \u{6663}
   \u{4443} \u{6726}  \u{46b6} \u{8a1e}  \u{4f75} \u{5002}  \u{5024} \u{503c}
   \u{53e3} \u{56d7}  \u{5553} \u{555f}  \u{571f} \u{58eb}  \u{5861} \u{586b}
   \u{58ab} \u{58ff}  \u{5aaf} \u{5b00}  \u{5e21} \u{5e32}  \u{6236} \u{6238}
   \u{665a} \u{6669}  \u{670c} \u{80a6}  \u{670f} \u{80d0}  \u{6710} \u{80ca}
   \u{6713} \u{8101}  \u{6718} \u{8127}  \u{6723} \u{81a7}  \u{676e} \u{67ff}
   \u{699d} \u{6a27}  \u{6e88} \u{6f59}  \u{7814} \u{784f}  \u{7d55} \u{7d76}
   \u{80fc} \u{8141}  \u{848d} \u{853f}  \u{8637} \u{8641}  \u{8a2e} \u{8a7d}
   \u{8b86} \u{8b8f}  \u{8c5c} \u{8c63}  \u{8d7f} \u{8d86}  \u{8de5} \u{8dfa}
   \u{8e97} \u{8e9b}  \u{8eff} \u{8f27}  \u{90ce} \u{90de}  \u{93ad} \u{93ae}
   \u{96b7} \u{96b8}  \u{9e42} \u{9e43}  \u{9ed1} \u{9ed2}`,
  // Kannada.
  `o \u{ce6}  \u{c05} \u{c85}  \u{c06} \u{c86}  \u{c07} \u{c87}  \u{c12} \u{c92}
   \u{c1c} \u{c9c}  \u{c1e} \u{c9e}  \u{c23} \u{ca3}  \u{c2f} \u{caf}  \u{c31} \u{cb1}
   \u{c32} \u{cb2}  \u{c67} \u{ce7}  \u{c68} \u{ce8}  \u{c6f} \u{cef}`,
  // Katakana.
  `\u{3078} \u{30d8}  \u{4e8c} \u{30cb}  \u{4ebb} \u{30a4}  \u{516b} \u{30cf}
   \u{529b} \u{30ab}  \u{535c} \u{30c8}  \u{53e3} \u{30ed}  \u{5915} \u{30bf}
   \u{5de5} \u{30a8}`,
  // Lao.
  `o \u{ed0}  \u{e08} \u{e88}  \u{e1a} \u{e9a}  \u{e1b} \u{e9b}  \u{e1d} \u{e9d}
   \u{e1e} \u{e9e}  \u{e1f} \u{e9f}  \u{e22} \u{e8d}`,
  // Lisu.
  `a \u{a4ee}  b \u{a4d0}  c \u{a4da}  d \u{a4d2}\u{a4d3}  e \u{a4f0}  f \u{a4dd}
   g \u{a4d6}  h \u{a4e7}  i \u{a4e1}\u{a4f2}  j \u{a4d9}  k \u{a4d7}  m \u{a4df}
   n \u{a4e0}\u{a4f5}  o \u{a4f3}  p \u{a4d1}  r \u{a4e3}  s \u{a4e2}  t \u{a4d4}
   u \u{a4f4}  v \u{a4e6}  w \u{a4ea}  x \u{a4eb}  y \u{a4ec}  z \u{a4dc}  \u{1dd} \u{a4f1}
   \u{250} \u{a4ef}  \u{254} \u{a4db}  \u{28c} \u{a4e5}  \u{15e1} \u{a4f7}
   \u{1660} \u{a4ed}  \u{214e} \u{a4de}`,
  // Malayalam.
  `9 \u{d6d}  o \u{d20}\u{d66}  \u{971} \u{d4e}  \u{b89} \u{d09}  \u{b90} \u{d1c}
   \u{ba3} \u{d23}  \u{bb4} \u{d34}  \u{bb6} \u{d36}`,
  // Miao.
  `3 \u{16f3b}  a \u{16f40}  i \u{16f16}\u{16f28}  r \u{16f35}  s \u{16f3a}  t \u{16f0a}
   u \u{16f42}  v \u{16f08}  y \u{16f07}\u{16f43}`,
  // Myanmar.
  `o \u{101d}\u{1040}`,
  // Nko.
  `i \u{7ca}  o \u{7c0}`,
  // Oriya.
  `9 \u{b68}  o \u{b20}\u{b66}  \u{b05}\u{b3e} \u{b06}`,
  // Osage.
  `7 \u{104fa}  o \u{104ea}  r \u{104dc}  u \u{104f6}`,
  // Tamil.
  `o \u{be6}`,
  // Telugu.
  `o \u{c66}`,
  // Thai.
  `o \u{e50}`,
  // Tifinagh.
  `e \u{2d39}  i \u{2d4f}  o \u{2d54}  o\u{335} \u{2d31}  o\u{338} \u{2d41}  q \u{2d55}
   v \u{2d38}  x \u{2d5d}  \u{1dd} \u{2d3a}  \u{283} \u{2d49}  \u{28c} \u{2d37}
   \u{298} \u{2d59}  \u{1e9f} \u{2d60}`,
];

/**
 * One letter or digit to what it looks like. A capital that is missing looks
 * like its small letter.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LOOKALIKES } from "./confusables.ts";
 *
 * assertEquals(LOOKALIKES.get("\u{441}"), "c"); // Cyrillic es
 * ```
 */
export const LOOKALIKES: ReadonlyMap<string, string> = new Map(
  TABLE.flatMap((script) =>
    script.split(/\s+/).flatMap((look, index, words): [string, string][] =>
      index % 2 === 1 ? [] : [...(words[index + 1] ?? "")].map((letter) => [letter, look])
    )
  ),
);
