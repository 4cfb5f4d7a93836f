// Completion as shells use it: the scripts in bash, fish and zsh, against a gateway.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/command/command_for_test.h"

namespace sluice::client {
namespace {

class CompletionCommandTest : public CommandTest {
 protected:
  void AddGrant(const std::string& mou, const std::string& purpose, const std::string& type) {
    v1::GrantView& grant = *service_->gateway.grants.add_grants();
    grant.set_mou(mou);
    grant.set_version(1);
    grant.set_owner("state-university");
    grant.set_purpose(purpose);
    grant.set_purpose_description("Plan\x1b[2J\thiring");
    grant.set_record_type(type);
  }
  // What the words' last may become.
  std::string Complete(const std::string& words) {
    const Outcome outcome = Run("complete -- " + words);
    EXPECT_EQ(outcome.code, kDone) << words;
    EXPECT_EQ(outcome.err, "") << words;
    return outcome.out;
  }
  // What a shell prints that reads the script.
  std::string Shell(const std::string& shell, const std::string& script) {
    service_->Write("script", script);
    const Outcome outcome = RunProgram(shell + " script");
    EXPECT_EQ(outcome.err, "") << shell;
    return outcome.out;
  }
};

TEST_F(CompletionCommandTest, OffersNamesOfTheGrantsThatTheLineLeaves) {
  AddGrant("stem-pipeline", "hiring_pipeline", "Candidate");
  AddGrant("stem-pipeline", "hiring_pipeline", "Candidate");
  AddGrant("retention-study", "program_improvement", "Employment");
  EXPECT_EQ(Complete("grant list --mou ''"),
            "stem-pipeline\tversion 1\nretention-study\tversion 1\n");
  EXPECT_EQ(Complete("grant list --mou=re"), "--mou=retention-study\tversion 1\n");
  EXPECT_EQ(Complete("record read Candidate --purpose ''"),
            "hiring_pipeline\tPlan\\x1b[2J\\thiring\n");
  EXPECT_EQ(Complete("record read Employment --from ''"), "state-university\t\n");
}

TEST_F(CompletionCommandTest, OffersWhatIsKnownWithoutAGateway) {
  service_->Stop();
  EXPECT_EQ(Complete("catalog show Candid"), "Candidate\tCandidate\n");
  EXPECT_EQ(Complete("--profile ''"), "default\t\n");
  EXPECT_EQ(Complete("explain row Candidate --record-key ''"),
            "candidate_id=\tCandidateIdentifier\n");
  EXPECT_EQ(Complete("record read Candidate --fields candidate_id,birth_d"),
            "candidate_id,birth_date\tBirthData.BirthDate\n");
  EXPECT_TRUE(absl::StrContains(Complete("mapping show ed-fi-c"), "ed-fi-candidate\t"));
  EXPECT_EQ(Complete("completion ''"), "bash\t\nzsh\t\nfish\t\n");
}

TEST_F(CompletionCommandTest, SaysNothingWhereNamesCannotBeHad) {
  const std::string ask = "grant list --mou ''";
  service_->gateway.unary_error = DenialForTest();
  EXPECT_EQ(Complete(ask), "");
  service_->Stop();
  EXPECT_EQ(Complete(ask), "");
  EXPECT_EQ(Complete("--profile nobody " + ask), "");
  EXPECT_EQ(Complete("--attempts x " + ask), "");
  EXPECT_EQ(Complete("--types nowhere catalog show C"), "");
  service_->Write("config.yaml", "profiles: [");
  EXPECT_EQ(Complete(ask), "");
  EXPECT_EQ(Complete("--profile ''"), "");
}

TEST_F(CompletionCommandTest, WaitsForNothing) {
  // A gateway that takes connections and never answers, and a key that never ends.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  WriteProfile(absl::StrCat("127.0.0.1:", ntohs(address.sin_port)));
  const std::string sluice = absl::StrCat("timeout 20 ", SLUICE_BINARY, " complete -- ");
  Outcome outcome = RunProgram(sluice + "grant list --mou ''");
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_EQ(outcome.out + outcome.err, "");
  outcome =
      RunProgram(absl::StrCat("sh -c 'mkfifo fifo; ", sluice, "--key fifo grant list --mou \"\"'"));
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_EQ(outcome.out + outcome.err, "");
  close(listener);
}

TEST_F(CompletionCommandTest, NeverOffersARecordOrAPerson) {
  EXPECT_EQ(Complete("record get Candidate --own --record-key candidate_id=C"), "");
  EXPECT_FALSE(absl::StrContains(Complete("record get Candidate ''"), "aaaa"));
  EXPECT_EQ(Complete("decision explain 0"), "");
  EXPECT_TRUE(service_->gateway.gets.empty() && service_->gateway.reads.empty());
}

TEST_F(CompletionCommandTest, BashOffersThem) {
  AddGrant("stem-pipeline", "hiring_pipeline", "Candidate");
  service_->Write("notes.yaml", "");
  std::filesystem::create_directory(directory_ + "/notes of mine");
  const std::string script =
      "eval \"$(sluice completion bash)\"\n"
      "complete -p sluice\n"
      "compopt() { :; }\n"  // there is no line to edit
      "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _sluice;\n"
      "  printf '[%s]' \"${COMPREPLY[@]}\"; echo; }\n"
      "try sluice mou ''\n"
      "try sluice grant list --mou ''\n"
      "try sluice grant list --mou =\n"
      "try sluice grant list --mou = st\n"
      "try sluice mou check notes.\n"
      "try sluice --types = no\n"
      "compopt() { echo \"$@\"; }\n"
      "try sluice explain row Candidate --record-key cand\n"
      "try sluice nothing ''\n";
  EXPECT_EQ(Shell("bash --norc", script),
            "complete -F _sluice sluice\n"
            "[check][fmt][explain][show][schema][diff][who-can][what-can][propose][amend][sign]"
            "[list][status][suspend][resume][terminate][withdraw][attest]\n"
            "[stem-pipeline]\n"
            "[stem-pipeline]\n"
            "[stem-pipeline]\n"
            "[notes.yaml]\n"
            "[notes of mine]\n"
            "-o nospace\n"
            "[candidate_id=]\n"
            "[]\n");
}

TEST_F(CompletionCommandTest, FishOffersThemWithTheirMeanings) {
  AddGrant("stem-pipeline", "hiring_pipeline", "Candidate");
  service_->Write("notes.yaml", "");
  EXPECT_EQ(Shell("env HOME=. fish --no-config",
                  "sluice completion fish | source\n"
                  "complete -C 'sluice mou s'\n"
                  "complete -C 'sluice grant list --mou '\n"
                  "complete -C 'sluice grant list --mou=s'\n"
                  "complete -C 'sluice mou check note'\n"
                  "complete -C 'sluice nothing '\n"),
            "schema\tPrint the JSON Schema of documents, by which an editor completes and checks\n"
            "show\tPrint a document as other tools read it\n"
            "sign\tSign a document's bytes, beside it; send the signature to the gateway\n"
            "status\tSay how an MOU stands: signatures, suspensions, its steps in the log\n"
            "suspend\tStop all that leaves under an MOU, at once, until you resume it\n"
            "stem-pipeline\tversion 1\n"
            "--mou=stem-pipeline\tversion 1\n"
            "notes.yaml\n");
}

// What zsh's own functions are given: they print inside its line editor only.
TEST_F(CompletionCommandTest, ZshOffersThemWithTheirMeanings) {
  AddGrant("stem-pipeline", "hiring_pipeline", "Candidate");
  EXPECT_EQ(Shell("zsh -f",
                  "autoload -U compinit && compinit -D -u\n"
                  "eval \"$(sluice completion zsh)\"\n"
                  "print -r -- $_comps[sluice]\n"
                  "_describe() { print -rl -- ${(P)3} }\n"
                  "_path_files() { print -r -- paths $1 }\n"
                  "compset() { print -r -- cut $2 }\n"
                  "try() { words=(\"$@\"); CURRENT=$#; PREFIX=$words[-1]; _sluice }\n"
                  "try sluice mou s\n"
                  "try sluice grant list --mou ''\n"
                  "try sluice --types=x\n"
                  "_describe() { print -rl -- $@[4,-1] }\n"
                  "try sluice explain row Candidate --record-key cand\n"
                  "try sluice nothing ''\n"),
            "_sluice\n"
            "show:Print a document as other tools read it\n"
            "schema:Print the JSON Schema of documents, by which an editor completes and checks\n"
            "sign:Sign a document's bytes, beside it; send the signature to the gateway\n"
            "status:Say how an MOU stands: signatures, suspensions, its steps in the log\n"
            "suspend:Stop all that leaves under an MOU, at once, until you resume it\n"
            "stem-pipeline:version 1\n"
            "cut *=\n"
            "paths -/\n"
            "-S\n");
}

}  // namespace
}  // namespace sluice::client
