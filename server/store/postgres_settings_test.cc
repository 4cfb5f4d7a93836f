#include "server/store/postgres_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "absl/strings/match.h"

namespace sluice::server {
namespace {

std::map<std::string, std::string> Complete(absl::string_view settings) {
  const absl::StatusOr<PostgresSettings> complete = CompletePostgresSettings(settings);
  EXPECT_TRUE(complete.ok()) << complete.status();
  return complete.ok() ? std::map<std::string, std::string>(complete->begin(), complete->end())
                       : std::map<std::string, std::string>();
}

TEST(PostgresSettings, KeepWhatWasSaidAndVerifyTheServer) {
  auto settings = Complete("host=db.example.org dbname=sluice service=x keepalives_idle=3");
  EXPECT_EQ(settings["host"], "db.example.org");
  EXPECT_EQ(settings["service"], "x");
  EXPECT_EQ(settings["sslmode"], "verify-full");
  EXPECT_EQ(settings["gssencmode"], "disable");
  EXPECT_EQ(settings["target_session_attrs"], "primary");
  EXPECT_EQ(settings["keepalives_idle"], "3");
  EXPECT_NE(settings["tcp_user_timeout"], "");
  EXPECT_EQ(Complete("")["sslmode"], "verify-full");
  EXPECT_EQ(Complete("postgresql://db.example.org/sluice")["dbname"], "sluice");
}

TEST(PostgresSettings, RefuseSecretsAndRepeatNone) {
  for (const char* text :
       {"password=hunter2", "host=/run sslpassword=hunter2", "postgresql://me:hunter2@host/db",
        "hunter2", "password='hunter2", "pass word=hunter2", "postgresql://me:hunter2@[::1/db"}) {
    const absl::Status status = CompletePostgresSettings(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_FALSE(absl::StrContains(status.message(), "hunter2")) << status;
  }
}

TEST(PostgresSettings, RefuseAWeakerSslmodeUnlessNothingLeavesTheMachine) {
  for (const char* mode : {"disable", "allow", "prefer", "require", "verify-ca", "verify-ful"}) {
    for (const char* host :
         {"", "host=db.example.org ", "host=/run/postgresql,db.example.org ", "service=x ",
          "hostaddr=192.0.2.1 host=127.0.0.1 ", "host=localhost ", "host=127.0.0.1.example.org "}) {
      EXPECT_FALSE(CompletePostgresSettings(std::string(host) + "sslmode=" + mode).ok())
          << host << mode;
    }
  }
  for (const char* host : {"/run/postgresql", "127.0.0.1", "::1", "/run/a,127.0.0.1"}) {
    EXPECT_EQ(Complete(std::string("sslmode=disable host=") + host)["sslmode"], "disable");
  }
}

TEST(PostgresSettings, RefuseAWeakerSslmodeWhereTheEnvironmentMayNameAnotherHost) {
  const char* const settings = "sslmode=disable host=127.0.0.1";
  for (const char* name : {"PGHOSTADDR", "PGSERVICE"}) {
    ASSERT_EQ(setenv(name, "192.0.2.1", 1), 0);
    EXPECT_FALSE(CompletePostgresSettings(settings).ok()) << name;
    ASSERT_EQ(unsetenv(name), 0);
    EXPECT_TRUE(CompletePostgresSettings(settings).ok()) << name;
  }
  EXPECT_FALSE(CompletePostgresSettings(std::string(settings) + " service=x").ok());
}

TEST(PostgresSettings, RefuseAServerThatMayBeAStandby) {
  for (const char* kind : {"any", "standby", "prefer-standby", "read-only", "else"}) {
    EXPECT_FALSE(
        CompletePostgresSettings(std::string("host=a,b target_session_attrs=") + kind).ok())
        << kind;
  }
  EXPECT_EQ(Complete("host=a,b target_session_attrs=read-write")["target_session_attrs"],
            "read-write");
}

}  // namespace
}  // namespace sluice::server
