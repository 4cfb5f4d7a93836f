#include "server/store/schema.h"

namespace sluice::server {
namespace {

// Times are microseconds since 1970. Hashes of names are NameHasher's. Tables whose rows come in no
// order of their key are WITHOUT ROWID: one tree to write instead of two.
constexpr absl::string_view kTables = R"sql(
CREATE TABLE store (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  key_check BLOB NOT NULL,              -- of the hash key, so that another one is noticed; empty: none yet
  position INTEGER NOT NULL,            -- of the last change
  revision INTEGER NOT NULL,            -- of what decisions rest on
  key_generation INTEGER NOT NULL DEFAULT 0,  -- grows where a key is replaced or destroyed
  moving BLOB NOT NULL,                 -- the copy that brings it elsewhere or here; empty: it serves
  moved_to TEXT NOT NULL                -- in words; empty while it arrives
) STRICT;

CREATE TABLE data_key (                 -- each wrapped by its key-encryption key, which is elsewhere
  id INTEGER PRIMARY KEY,
  scope INTEGER NOT NULL,               -- a KekScope
  owner TEXT NOT NULL,
  version INTEGER NOT NULL,
  kek_version INTEGER NOT NULL,
  wrapped BLOB NOT NULL,                -- of a destroyed one nothing
  log_index INTEGER NOT NULL,           -- of the entry that says that it was made; -1: none yet
  destroyed_index INTEGER NOT NULL,     -- of the one that says that it is destroyed; -1: it is not
  empty INTEGER NOT NULL,               -- nothing is sealed under it any more
  UNIQUE (scope, owner, version)
) STRICT;

CREATE TABLE data_subkey (              -- what sealed bytes name; each start of a writer makes its own
  id INTEGER PRIMARY KEY,
  data_key INTEGER NOT NULL,
  salt BLOB NOT NULL
) STRICT;

CREATE TABLE owner (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  subjects INTEGER NOT NULL,            -- the next subject's ordinal, from 1: 0 is nobody
  names INTEGER NOT NULL,               -- the next name's number, from 1
  rows INTEGER NOT NULL                 -- live records, of all types
) STRICT;

CREATE TABLE collection (               -- the records of one owner and type
  id INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  record_type TEXT NOT NULL,
  position INTEGER NOT NULL,            -- of its last change
  time_us INTEGER NOT NULL,             -- of that change
  live INTEGER NOT NULL,                -- how many of its keys are
  tombstones INTEGER NOT NULL,          -- how many are not
  seal BLOB NOT NULL,                   -- over these and its records: CollectionSeals
  UNIQUE (owner, record_type)
) STRICT;

CREATE TABLE record_key (               -- every key ever published; a tombstone is not live
  key_hash BLOB PRIMARY KEY,
  collection INTEGER NOT NULL,
  record_id BLOB NOT NULL UNIQUE,
  tie BLOB NOT NULL,                    -- that these two belong together: NameHasher::KeyTie
  ordinal INTEGER NOT NULL,             -- of its first subject; of a tombstone 0, nobody
  live INTEGER NOT NULL,
  position INTEGER NOT NULL,            -- of its last change, a merge or split of whom it names too
  content_position INTEGER NOT NULL,    -- of what made its content, or deleted it; never a withdraw
  written_position INTEGER NOT NULL     -- of what wrote it last, a withdraw included
) STRICT, WITHOUT ROWID;

CREATE TABLE record (                   -- the live ones, in the order of a scan
  collection INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  record_id BLOB NOT NULL,
  subjects BLOB NOT NULL,               -- each one's id (16 bytes), ordinal and name (4, big-endian)
  identity BLOB NOT NULL,               -- what it says as a row of `identity`; empty: nothing
  position INTEGER NOT NULL,            -- at which its bytes were sealed
  bytes BLOB NOT NULL,                  -- sealed, and all of the above with them
  PRIMARY KEY (collection, ordinal, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE further_name (             -- which live records name somebody beside their first subject
  collection INTEGER NOT NULL,
  name INTEGER NOT NULL,
  record_id BLOB NOT NULL,
  PRIMARY KEY (collection, name, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE record_change (            -- what can be withdrawn, in order of position
  id INTEGER PRIMARY KEY,
  collection INTEGER NOT NULL,
  position INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  created BLOB NOT NULL,                -- what was not live before: id, content_position (8 bytes)
  replaced INTEGER NOT NULL,            -- rows in record_history
  replaced_bytes INTEGER NOT NULL,      -- of their content
  UNIQUE (collection, position)
) STRICT;

CREATE TABLE record_history (           -- what a change replaced; read by a withdraw alone
  position INTEGER NOT NULL,
  record_id BLOB NOT NULL,
  collection INTEGER NOT NULL,
  content_position INTEGER NOT NULL,    -- as record_key had it
  subjects BLOB NOT NULL,               -- as they were: only the names still hold
  identity BLOB NOT NULL,
  sealed_position INTEGER NOT NULL,     -- as `record` had it; 0: somebody in it was erased, and
  bytes BLOB NOT NULL,                  -- subjects, identity and bytes are empty
  tie BLOB NOT NULL,                    -- that these were replaced there: NameHasher::HistoryTie
  PRIMARY KEY (position, record_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subject (                  -- the dictionaries: names of one subject have its ordinal
  name_hash BLOB PRIMARY KEY,
  owner INTEGER NOT NULL,
  name INTEGER NOT NULL,                -- in the order in which they came
  ordinal INTEGER NOT NULL,
  subject_id BLOB NOT NULL,
  tie BLOB NOT NULL,                    -- that all of it belongs together: NameHasher::SubjectTie
  UNIQUE (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE former_subject (           -- whom a name named before a merge or split
  owner INTEGER NOT NULL,
  name INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  subject_id BLOB NOT NULL,
  PRIMARY KEY (owner, name, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity (                 -- of which person an id is; equal persons are one subject
  name_hash BLOB PRIMARY KEY,
  person_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_of_person ON identity (person_hash);

CREATE TABLE opt_out (                  -- who opted out
  name_hash BLOB NOT NULL,              -- of any one name, known yet or not
  purpose TEXT NOT NULL,                -- empty: any
  owner TEXT NOT NULL,
  PRIMARY KEY (name_hash, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX opt_out_of_owner ON opt_out (owner);

CREATE TABLE retraction (               -- how often what was read of an owner became what may not leave:
  owner TEXT PRIMARY KEY,               -- somebody was erased, or it became another answer who opted out
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dictionary_head (
  owner TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  compact_range BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dictionary_opening (
  owner TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  salt BLOB NOT NULL,                   -- sealed
  PRIMARY KEY (owner, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE answer (                   -- what was answered to a request id
  id INTEGER PRIMARY KEY,
  request_hash BLOB NOT NULL UNIQUE,
  content_hash BLOB NOT NULL,
  time_us INTEGER NOT NULL,
  position INTEGER NOT NULL,
  created INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  missing INTEGER NOT NULL
) STRICT;

CREATE TABLE log_boot (                 -- the starts of the writers, so that entries name them short
  id INTEGER PRIMARY KEY,
  writer TEXT NOT NULL,
  boot TEXT NOT NULL,
  UNIQUE (writer, boot)
) STRICT;

CREATE TABLE log_entry (
  idx INTEGER PRIMARY KEY,
  leaf_hash BLOB NOT NULL,
  boot INTEGER NOT NULL,
  wseq INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (boot, wseq)
) STRICT;

CREATE TABLE log_opening (
  idx INTEGER NOT NULL,
  owner TEXT NOT NULL,
  field TEXT NOT NULL,
  opening BLOB NOT NULL,                -- salt and value, sealed
  PRIMARY KEY (idx, owner, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE disclosed_container (      -- where an entry's subjects stand, by 65,536 ordinals
  owner TEXT NOT NULL,
  container INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  PRIMARY KEY (owner, container, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  compact_range BLOB NOT NULL,
  checkpoint TEXT NOT NULL
) STRICT;

CREATE TABLE mou_version (
  mou TEXT NOT NULL,
  version INTEGER NOT NULL,
  document BLOB NOT NULL,
  state TEXT NOT NULL,
  log_index INTEGER NOT NULL,           -- of the entry that says so
  root_check BLOB NOT NULL,             -- of the MOU's pseudonym root, so that another one is noticed;
                                        -- empty until all have signed
  standing TEXT NOT NULL DEFAULT '',    -- what parties did to it by themselves: MouStanding
  seal BLOB NOT NULL,                   -- over all of it, signatures too: StateSeal
  PRIMARY KEY (mou, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE mou_signature (
  mou TEXT NOT NULL,
  version INTEGER NOT NULL,
  organization TEXT NOT NULL,
  cms_der BLOB NOT NULL,
  received_us INTEGER NOT NULL,
  PRIMARY KEY (mou, version, organization)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization (             -- what the operator added; the configuration has the others
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  ca_bundle BLOB NOT NULL,
  crl BLOB NOT NULL,
  signatory_bundle BLOB NOT NULL,
  signatory_crl BLOB NOT NULL,
  log_index INTEGER NOT NULL,           -- of the entry that says so
  seal BLOB NOT NULL                    -- over all of it
) STRICT;

CREATE TABLE state_seal (               -- over all of mou_version and organization
  id INTEGER PRIMARY KEY CHECK (id = 1),
  through INTEGER NOT NULL,             -- log entries before it say nothing else
  members INTEGER NOT NULL,
  seal BLOB NOT NULL
) STRICT;

CREATE TABLE catalog (                  -- what types were read from, for the documents that pin them
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  kept BLOB NOT NULL
) STRICT;

CREATE TABLE decision (
  id INTEGER PRIMARY KEY,
  decision_id BLOB NOT NULL UNIQUE,
  principal BLOB NOT NULL,              -- whose: NameHasher::Decided
  decision BLOB NOT NULL,
  time_us INTEGER NOT NULL,
  log_index INTEGER NOT NULL
) STRICT;

INSERT INTO state_seal (id, through, members, seal) VALUES (1, 0, 0, x'');
-- The empty tree's root is the hash of nothing (RFC 6962).
INSERT INTO log_head (id, size, root, compact_range, checkpoint) VALUES
  (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'', '');
)sql";

constexpr absl::string_view kOptOuts = R"sql(
CREATE TABLE opt_out (
  name_hash BLOB NOT NULL,
  purpose TEXT NOT NULL,
  owner TEXT NOT NULL,
  PRIMARY KEY (name_hash, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX opt_out_of_owner ON opt_out (owner);
CREATE TABLE retraction (
  owner TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE store DROP COLUMN erasures;
)sql";

}  // namespace

absl::string_view SchemaTables() { return kTables; }

const Schema& CurrentSchema() {
  static const Schema* const schema =
      new Schema{kSchemaVersion,
                 kTables,
                 {{9, "counts who is erased",
                   "ALTER TABLE store ADD COLUMN erasures INTEGER NOT NULL DEFAULT 0;"},
                  {10, "lets a party suspend and end an MOU by itself",
                   "ALTER TABLE mou_version ADD COLUMN standing TEXT NOT NULL DEFAULT '';"},
                  {11, "keeps who opted out", kOptOuts}}};
  return *schema;
}

}  // namespace sluice::server
