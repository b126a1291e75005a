r"""A grammar of LaTeX formulas that compile: braces, \left and \right, and environments balanced, no script doubled.

The commands are those that both KaTeX, which sets formulas on the page, and latex2mathml know; every argument stands
in braces. A command that ends in a letter is never followed by one, so that \in x does not become \inx.
Left-recursive, which the parser follows in constant work a token; runs of letters are one lexeme, which it follows in
constant work a vocabulary.
"""

from collections.abc import Iterable
from functools import cache

from backend.types import Grammar

_LETTERS = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho
    varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi
    Psi Omega hbar ell imath jmath Re Im aleph wp partial nabla infty emptyset varnothing prime angle triangle
    forall exists nexists neg top bot square diamond star dagger ddagger
"""
_SIGNS = """
    pm mp times div cdot ast circ bullet oplus ominus otimes odot cup cap sqcup sqcap vee wedge land lor lnot
    setminus wr leq le geq ge neq ne ll gg approx sim simeq cong equiv propto doteq prec succ preceq succeq subset
    supset subseteq supseteq in ni notin mid nmid parallel perp models vdash dashv to gets mapsto leftarrow
    rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow longrightarrow longleftarrow Longrightarrow
    Longleftarrow Longleftrightarrow longmapsto implies iff uparrow downarrow Uparrow Downarrow hookrightarrow
    rightharpoonup rightleftharpoons therefore because colon ldots cdots vdots ddots dots quad qquad langle rangle
    lfloor rfloor lceil rceil lvert rvert lVert rVert vert Vert backslash bmod
"""
_OPERATORS = """
    sum prod coprod int iint iiint oint bigcup bigcap bigoplus bigotimes bigvee bigwedge lim limsup liminf max min
    sup inf det gcd Pr
"""
_FUNCTIONS = """
    sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp dim ker deg hom
"""
_ONE = """
    sqrt mathbf mathrm mathcal mathbb mathfrak mathsf mathtt mathit mathscr boldsymbol overline underline hat
    widehat bar vec dot ddot tilde widetilde check acute grave breve overbrace underbrace overrightarrow
    overleftarrow boxed phantom pmod
"""
_TWO = "frac dfrac tfrac cfrac binom dbinom tbinom stackrel overset underset"
_WORDS = "text textbf textit textrm operatorname"
_FENCES = "langle rangle lfloor rfloor lceil rceil lvert rvert lVert rVert vert Vert backslash uparrow downarrow"
_SIZES = "big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr"
ENVIRONMENTS = (
    "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "cases", "aligned", "gathered",
    "split", "align*", "array",
)  # fmt: skip


def _names(words: str) -> list[str]:
    return sorted(words.split())


def _commands(words: str, after: str = "") -> str:
    """A terminal of the commands, longest first."""
    return f"/\\\\({'|'.join(sorted(_names(words), key=len, reverse=True))}){after}/"


def commands() -> tuple[str, ...]:
    """Every command of the grammar that stands alone, with its backslash."""
    return tuple(f"\\{name}" for words in (_LETTERS, _SIGNS, _OPERATORS, _FUNCTIONS) for name in _names(words))


def _environments() -> Iterable[str]:
    for number, name in enumerate(ENVIRONMENTS):
        columns = " COLUMNS" if name == "array" else ""
        yield f'environment{number}: "\\\\begin{{{name}}}"{columns} table "\\\\end{{{name}}}"'


@cache
def grammar() -> Grammar:
    """The grammar of one formula, without delimiters around it."""
    alternatives = " | ".join(f"environment{number}" for number in range(len(ENVIRONMENTS)))
    formulas = (_FORMULA.format_map(one) for one in _FIRST)
    return Grammar("lark", "\n".join((_RULES, *formulas, f"environment: {alternatives}", *_environments())))


# A formula that may begin with anything (1), with a letter after a blank alone (0: it follows a command), or with a
# bracket after a blank alone (2: it begins a row; \begin or the end of the row before would take it for its own).
_FORMULA = """
inner{after}: WS? | formula{after}
formula{after}: open{after} | bare{after}
open{after}: o_first{after} | open{after} (o_letter | o_other | WS) | bare{after} (o_other | WS)
bare{after}: c_first{after} | open{after} (c_letter | c_other) | bare{after} c_other
o_first{after}: {letter} o_letter | {other}
c_first{after}: {letter} c_letter | {others}
"""

_FIRST: tuple[dict[str, str | int], ...] = (
    {"after": 0, "letter": "WS", "other": "WS? o_other", "others": "WS? c_other"},
    {"after": 1, "letter": "WS?", "other": "WS? o_other", "others": "WS? c_other"},
    {"after": 2, "letter": "WS?", "other": "o_plain | WS o_other", "others": "c_plain | WS c_other"},
)

# `o_` may be followed by a letter; `c_` ends in a command and may not.
_RULES = rf"""
start: formula1
o_letter: LETTERS o_scripts?
c_letter: LETTERS c_scripts
o_other: o_plain | BRACKET o_scripts?
c_other: c_plain | BRACKET c_scripts
o_plain: solid o_scripts? | command o_scripts | OPERATOR LIMITS? o_scripts
c_plain: solid c_scripts | command c_scripts? | OPERATOR LIMITS? c_scripts | OPERATOR

o_scripts: PRIMES | PRIMES o_sub | o_sub | o_sup | sub o_sup | sup o_sub
c_scripts: PRIMES c_sub | c_sub | c_sup | sub c_sup | sup c_sub
sub: o_sub | c_sub
sup: o_sup | c_sup
o_sub: WS? "_" WS? o_script
o_sup: WS? "^" WS? o_script
c_sub: WS? "_" WS? SCRIPT
c_sup: WS? "^" WS? SCRIPT
o_script: LETTER | DIGIT | STAR | group

group: "{{" inner1 "}}"
full: "{{" formula1 "}}"
solid: DIGITS | SIGNS | SPACE | group | full_command | environment | fenced FENCE_SIGN | SIZE FENCE_SIGN
command: COMMAND | fenced FENCE_NAME | SIZE FENCE_NAME
full_command: ROOT full | ROOT "[" index "]" full | ONE full | TWO full full | WORDS "{{" TEXT "}}"
index: LETTER | DIGIT | index LETTER | index DIGIT
fenced: LEFT between RIGHT
between: FENCE_SIGN inner1 | FENCE_NAME inner0 | between MIDDLE FENCE_SIGN inner1 | between MIDDLE FENCE_NAME inner0

table: row | table ROW_END row
row: inner2 | row "&" inner1

LETTER: /[A-Za-z]/
LETTERS: /[A-Za-z]+/
DIGIT: /[0-9]/
DIGITS: /[0-9]+/
BRACKET: "["
SIGNS: /[-+=<>()\]|\/*,.;:!?]+/
STAR: /[*+-]/
SPACE: /\\[,;:! {{}}|%$#&_]/
WS: / {{1,4}}/
PRIMES: /'{{1,3}}/
LIMITS: /\\(no)?limits/
ROW_END: /\\\\\n?/
COLUMNS: /\{{\|?([lcr]\|?){{1,12}}\}}/
TEXT: /[^{{}}\\$%#&_^~\x00-\x1f\x7f]{{1,80}}/
LEFT: "\\left"
MIDDLE: "\\middle"
RIGHT: "\\right"
FENCE_SIGN: /[()\[\]|.\/<>]|\\[{{}}|]/
FENCE_NAME: {_commands(_FENCES)}
SIZE: {_commands(_SIZES)}
COMMAND: {_commands(_LETTERS + _SIGNS + _FUNCTIONS)}
SCRIPT: {_commands(_LETTERS + " ast circ bullet perp parallel times pm mp")}
OPERATOR: {_commands(_OPERATORS)}
ROOT: "\\sqrt"
ONE: {_commands(_ONE.replace("sqrt", ""))}
TWO: {_commands(_TWO)}
WORDS: {_commands(_WORDS)}
"""
