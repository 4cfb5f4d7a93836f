#include "tests/bench/masking_view.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/bench/psql.h"
#include "tests/bench/workload.h"
#include "tests/e2e/deployment.h"

namespace sluice::bench {
namespace {

using tests::Must;

// The table belongs to one role, the view to another that is subject to the table's policy, and who
// reads may read the view alone.
constexpr char kTables[] = R"sql(
CREATE EXTENSION pgcrypto;
CREATE ROLE masker;
CREATE TABLE mentor_assignment (
  owner text NOT NULL,
  candidate_id text NOT NULL,
  staff_id text NOT NULL,
  relationship text NOT NULL,
  begin_date date NOT NULL,
  end_date date,
  employer_org bigint,
  paid_by_org bigint,
  fte_split numeric,
  mentor_name text,
  mentor_mail text,
  school_year integer,
  change_version bigint,
  PRIMARY KEY (owner, candidate_id, staff_id, relationship, begin_date)
);
CREATE TABLE masking_key (recipient text PRIMARY KEY, key text NOT NULL);
INSERT INTO masking_key VALUES ('river-unified', encode(gen_random_bytes(32), 'hex'));
ALTER TABLE mentor_assignment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY granted ON mentor_assignment FOR SELECT TO masker
  USING (owner = 'state-university');
GRANT SELECT ON mentor_assignment, masking_key TO masker;
)sql";
constexpr char kView[] = R"sql(
CREATE VIEW released AS
  SELECT encode(hmac(candidate_id, key, 'sha256'), 'hex') AS candidate_id,
         encode(hmac(staff_id, key, 'sha256'), 'hex') AS staff_id,
         relationship,
         date_trunc('month', begin_date)::date AS begin_date,
         date_trunc('year', end_date)::date AS end_date,
         employer_org,
         change_version
  FROM mentor_assignment, masking_key
  WHERE recipient = 'river-unified';
ALTER VIEW released OWNER TO masker;
GRANT SELECT ON released TO sluice;
)sql";

std::string Day(const google::type::Date& date) {
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

void WriteCsv(const std::string& path, int64_t count) {
  std::ofstream file(path, std::ios::binary);
  for (int64_t i = 0; i < count; ++i) {
    const v1::MentorAssignment r = RecordOf(i);
    file << "state-university," << r.candidate_id() << ',' << r.staff_id() << ",\""
         << r.relationship() << "\"," << Day(r.begin_date()) << ',' << Day(r.end_date()) << ','
         << r.employer_org() << ',' << r.pay_shares(0).paid_by_org() << ','
         << r.pay_shares(0).fte_split().value() << ",\"" << r.mentor_name() << "\","
         << r.mentor_mail() << ',' << r.source().school_year() << ',' << r.source().change_version()
         << '\n';
  }
  if (!file.flush()) Must(absl::ResourceExhaustedError("no room for the file"));
}

int64_t LinesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
}

}  // namespace

MaskingView::MaskingView(int64_t count, std::string directory)
    : count_(count),
      directory_(std::move(directory)),
      server_(Must(server::PostgresServer::Start({}))) {
  database_ = Must(server_->CreateDatabase());
  Must(server_->Run(database_, kTables));
  const std::string file = directory_ + "/records.csv";
  WriteCsv(file, count_);
  RunPsql(AdminSettings(*server_, database_),
          absl::StrCat("\\copy mentor_assignment FROM '", file, "' CSV"));
  Must(server_->Run(database_, kView));
  Must(server_->Run(database_, "VACUUM (FREEZE, ANALYZE) mentor_assignment"));
}

MaskingView::~MaskingView() = default;

double MaskingView::CopyToCsv() {
  const std::string file = directory_ + "/released.csv";
  const absl::Time begin = absl::Now();
  RunPsql(absl::StrCat(server_->TcpSettings(database_), " sslmode=verify-full"),
          absl::StrCat("\\copy (SELECT * FROM released) TO '", file, "' CSV"));
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  if (const int64_t rows = LinesOf(file); rows != count_) {
    Must(absl::DataLossError(absl::StrCat("the view showed ", rows, " rows")));
  }
  return seconds;
}

}  // namespace sluice::bench
