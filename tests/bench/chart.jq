# The chart of a file of figures. Its colors follow the reader's light or dark; what they say, signs
# and words say, too.
include "figures";

def left: 376;     # where bars begin
def mark: 220;     # from there to what is wanted
def longest: 360;  # of a bar; one that would be longer ends in an arrow
def row: 46;
def head: 60;
def width: 926;

def style: "
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .page { fill: #ffffff; }
  .track { fill: #eef1f4; }
  .good { fill: #1a7f64; }
  .bad { fill: #c4501b; }
  .plain { fill: #6b7785; }
  .mark { stroke: #1f2328; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .page { fill: #0d1117; }
    .track { fill: #222b36; }
    .good { fill: #3fb68b; }
    .bad { fill: #f0883e; }
    .plain { fill: #8b96a5; }
    .mark { stroke: #e6edf3; }
  }";

# A figure in the row whose top is $y. Where nothing is wanted the mark is the baseline itself.
def bar($y):
  . as $figure
  | reached as $reached
  | (.ratio / (.reach // 1) * mark) as $length
  | ([$length, longest] | min | . * 10 | round / 10) as $drawn
  | (if $reached == null then ["plain", ""] elif $reached then ["good", "✓ "] else ["bad", "✗ "] end)
    as [$class, $sign]
  | (if $reached == null then "\(.better) is better"
     else "wanted \(if .better == "higher" then "≥" else "≤" end) \(.reach | readable)" end) as $wanted
  | "<text x=\"16\" y=\"\($y + 17)\">\(.title // .name | @html)</text>",
    "<text class=\"small\" x=\"16\" y=\"\($y + 32)\">beside: \(.baseline | @html)</text>",
    "<rect class=\"track\" x=\"\(left)\" y=\"\($y + 6)\" width=\"\(longest)\" height=\"18\" rx=\"3\"/>",
    "<rect class=\"\($class)\" x=\"\(left)\" y=\"\($y + 6)\" width=\"\($drawn)\" height=\"18\" rx=\"3\"/>",
    (if $length > longest then
       "<path class=\"\($class)\" d=\"M\(left + longest) \($y + 4)l11 11l-11 11z\"/>"
     else empty end),
    "<path class=\"mark\" d=\"M\(left + mark) \($y + 2)v26\"/>",
    "<text x=\"\(left + longest + 18)\" y=\"\($y + 17)\">\($sign)\(.ratio | readable)</text>",
    "<text class=\"small\" x=\"\(left + longest + 18)\" y=\"\($y + 32)\">\($wanted)</text>",
    "<text class=\"small\" x=\"\(left)\" y=\"\($y + 38)\">\(.value | readable) \(.unit | @html), baseline \(.baseline_value | readable)\(if .records > 0 then "; \(.records | readable) records" else "" end)</text>";

def chart:
  . as $file
  | figures as $figures
  | (head + ($figures | length) * row + 24) as $height
  | "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 \(width) \($height)\" width=\"\(width)\" height=\"\($height)\">",
    "<title>Sluice: each figure as a ratio to its baseline of the same minute</title>",
    "<style>\(style)</style>",
    "<rect class=\"page\" width=\"\(width)\" height=\"\($height)\"/>",
    "<text class=\"title\" x=\"16\" y=\"26\">Each figure beside its baseline of the same minute</text>",
    "<text class=\"small\" x=\"16\" y=\"44\">Bars are ratios; the mark is what is wanted, or the baseline where nothing is.</text>",
    ($figures | to_entries[] | .key as $i | .value | bar(head + $i * row)),
    "<text class=\"small\" x=\"16\" y=\"\($height - 10)\">\([$file.date, "commit \($file.commit // "unknown")", ($file.machine | objects | "\(.cores) cores, \(.cpu)")] | map(strings) | join("; ") | @html)</text>",
    "</svg>";
