# The table of a file of figures.
include "figures";

# A row, the name left out.
def cells:
  [(if .records > 0 then .records | readable else "-" end),
   "\(.value | readable) \(.unit)",
   (.baseline_value | readable),
   (.ratio | readable),
   (if has("reach") then (if .better == "higher" then "≥ " else "≤ " end) + (.reach | readable)
    else "-" end),
   (reached | if . == null then "-" elif . then "reached" else "MISSED" end),
   .baseline];

def text:
  ["figure", "records", "value", "baseline", "ratio", "wanted", "", "which is beside"],
  (figures[] | [.name] + cells)
  | join("\t");

def markdown:
  def line: "| \(map(gsub("\\|"; "\\|")) | join(" | ")) |";
  (["what", "records", "measured", "baseline", "ratio", "wanted", "", "the baseline"] | line),
  ([range(8) | "---"] | line),
  (figures[] | ["\(.title // .name) [\(.name)]"] + cells | line);

# What else was measured of each figure.
def further:
  figures | map(select((.details // {}) != {}))
  | select(length > 0)
  | "\nfurther numbers:",
    (.[] | "  \(.name): \(.details | to_entries | map("\(.key) \(.value | readable)") | join(", "))");

def steps:
  INDEX(.figures[]; .name).read_vs_bare_grpc as $read
  | .steps // [] | select(length > 0)
  | "\nof a read, nanoseconds a record, one core:",
    ((. + [$read.details.bare_ns_per_row | numbers
           | {step: "send", ns: round,
              what: "gRPC, TLS and the reader, on both cores: the bare stream"}])[]
     | "  \(.step)\t\(.ns)\t\(.what)"),
    ($read.details.ns_per_row | numbers
     | "  whole\t\(round)\tas measured, on both cores, the reader included");

def machine:
  [(.machine | objects | "\(.cores) cores, \(.cpu), \(.memory_mib) MiB, \(.system)"),
   ([.figures[].load | numbers] | select(length > 0) | "load \(min) to \(max) before the figures"),
   "\(.date // "no date"), commit \(.commit // "unknown")"] | join("; ");
