# What table, chart and compare share: a file of figures, read strictly.

def fail($what): error("\(input_filename): \($what)");

# The figures of a file that `run` wrote; an error that says what is wrong with any other.
def figures:
  def number($name): if (.[$name] | type) == "number" then . else fail("a figure without \($name)") end;
  def text($name): if (.[$name] | type) == "string" then . else fail("a figure without \($name)") end;
  if type != "object" or (.figures | type) != "array" then fail("holds no figures") else . end
  | .figures
  | map(if type == "object" then . else fail("a figure that is no object") end
        | text("name") | text("unit") | text("baseline") | text("better")
        | number("value") | number("baseline_value") | number("ratio") | number("records")
        | if IN(.better; "higher", "lower") then . else fail("\(.name): better \(.better)") end
        | if .ratio > 0 then . else fail("\(.name): a ratio of \(.ratio)") end)
  | if (map(.name) | unique | length) == length then . else fail("a figure stands twice") end;

# Whether a figure is as good as is wanted; null: nothing is wanted of it.
def reached:
  if has("reach") | not then null
  elif .better == "higher" then .ratio >= .reach
  else .ratio <= .reach end;

# 1234567.8 as 1,234,568; small numbers with what digits they need.
def readable:
  def grouped: tostring | [match(".{1,3}(?=(.{3})*$)"; "g").string] | join(",");
  if . >= 1000 then round | grouped
  elif . >= 100 then round | tostring
  elif . >= 10 then (. * 10 | round / 10 | tostring)
  else (. * 1000 | round / 1000 | tostring) end;
