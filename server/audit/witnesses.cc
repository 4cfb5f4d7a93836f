#include "server/audit/witnesses.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace sluice::server {
namespace {

// So many times in a row a witness may name another size and be asked again at once.
constexpr int kSizesInARow = 3;
constexpr absl::Duration kCancelAgain = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::unique_ptr<Witnesses>> Witnesses::Create(Parts parts) {
  std::unique_ptr<Witnesses> witnesses = absl::WrapUnique(new Witnesses(std::move(parts)));
  for (const WitnessConfig& config : witnesses->parts_.policy.witnesses) {
    absl::StatusOr<CosignatureVerifier> verifier = CosignatureVerifier::Create(config.vkey);
    if (!verifier.ok()) return verifier.status();
    absl::StatusOr<std::unique_ptr<WitnessTransport>> transport = witnesses->parts_.connect(config);
    if (!transport.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("witness ", verifier->name(), ": ", transport.status().message()));
    }
    witnesses->links_.push_back(
        absl::WrapUnique(new Link{*std::move(verifier), *std::move(transport)}));
  }
  for (const std::unique_ptr<Link>& link : witnesses->links_) {
    link->thread = std::thread([&self = *witnesses, &link = *link] { self.Run(link); });
  }
  return witnesses;
}

bool Witnesses::IsCosigned(absl::string_view note) const {
  const size_t split = note.rfind("\n\n");
  if (split == absl::string_view::npos) return false;
  const int cosigned = static_cast<int>(
      std::count_if(links_.begin(), links_.end(), [&](const std::unique_ptr<Link>& link) {
        return link->verifier.Find(note.substr(split + 2), note.substr(0, split + 1)).ok();
      }));
  return cosigned >= parts_.policy.quorum;
}

void Witnesses::Resume(absl::string_view note, std::optional<absl::Time> uncovered_since) {
  absl::MutexLock lock(&mutex_);
  cosigned_ = std::string(note);
  waiting_since_ = uncovered_since;
}

Witnesses::Due Witnesses::Turn(uint64_t size) {
  Due due;
  const absl::Time now = parts_.clock();
  absl::MutexLock lock(&mutex_);
  for (const std::unique_ptr<Link>& link : links_) {
    if (link->asking && now - link->asked_at >= parts_.policy.answer_within) {
      link->transport->Cancel();
    }
  }
  const bool is_cosigned = number_ > 0 && CosignedBy() >= parts_.policy.quorum;
  if (is_cosigned) {
    std::string note = note_;
    for (const std::unique_ptr<Link>& link : links_) absl::StrAppend(&note, link->cosignature);
    if (note != cosigned_) {
      cosigned_ = note;
      due.publish = std::move(note);
      due.publish_size = size_;
    }
  }
  due.next = size > size_ && (number_ == 0 || is_cosigned || is_outrun_);
  return due;
}

void Witnesses::Ask(uint64_t size, std::string note) {
  absl::MutexLock lock(&mutex_);
  if (!waiting_since_.has_value()) waiting_since_ = parts_.clock();
  ++number_;
  size_ = size;
  note_ = std::move(note);
  is_outrun_ = false;
  for (const std::unique_ptr<Link>& link : links_) link->cosignature.clear();
}

bool Witnesses::IsDue(const Link& link) const {
  return number_ > 0 && link.cosignature.empty() && link.size <= size_;
}

void Witnesses::Run(Link& link) {
  const auto awake = [this, &link]()
                         ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || IsDue(link); };
  while (true) {
    WitnessQuestion question;
    uint64_t number = 0;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&awake));
      if (stopping_) return;
      number = number_;
      question = {link.size, size_, note_};
      link.asking = true;
      link.asked_at = parts_.clock();
    }
    WitnessOutcome outcome = Put(link, question);
    absl::MutexLock lock(&mutex_);
    link.asking = false;
    const absl::Duration pause = Take(link, number, question, std::move(outcome));
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause)) return;
  }
}

WitnessOutcome Witnesses::Put(const Link& link, const WitnessQuestion& question) const {
  std::vector<Hash> proof;
  if (question.old_size > 0 && question.old_size < question.size) {
    absl::StatusOr<std::vector<Hash>> made =
        parts_.consistency_proof(question.old_size, question.size);
    if (!made.ok())
      return WitnessTrouble{kWitnessUnreachable, std::string(made.status().message())};
    proof = *std::move(made);
  }
  const absl::StatusOr<WitnessAnswer> answer = link.transport->Post(question.Body(proof));
  if (!answer.ok()) {
    return WitnessTrouble{kWitnessUnreachable, std::string(answer.status().message())};
  }
  WitnessOutcome outcome = ReadWitnessAnswer(*answer, question, link.verifier, parts_.clock());
  const WitnessSize* const other = std::get_if<WitnessSize>(&outcome);
  if (other == nullptr || other->size <= question.size) return outcome;
  // Another gateway of this log may have been there with a later checkpoint. But what was never
  // stored, or is not there any more, no gateway of it can have signed.
  const absl::StatusOr<uint64_t> stored = parts_.stored_size();
  if (!stored.ok()) return WitnessTrouble{kWitnessUnreachable, "the store did not answer"};
  if (other->size <= *stored) return outcome;
  return WitnessTrouble{kWitnessAhead, absl::StrCat("it has cosigned ", other->size,
                                                    " entries of this log, which has ", *stored,
                                                    ": the log was rolled back")};
}

absl::Duration Witnesses::Take(Link& link, uint64_t number, const WitnessQuestion& question,
                               WitnessOutcome outcome) {
  link.answered = number;
  if (Cosignature* const cosignature = std::get_if<Cosignature>(&outcome)) {
    link.size = question.size;
    link.trouble.reset();
    link.evidence.clear();
    link.failures = 0;
    if (number != number_) return absl::ZeroDuration();  // an older checkpoint's
    link.cosignature = std::move(cosignature->line);
    if (CosignedBy() >= parts_.policy.quorum) waiting_since_.reset();
    return absl::ZeroDuration();
  }
  ++link.failures;
  if (const WitnessSize* const other = std::get_if<WitnessSize>(&outcome)) {
    link.size = other->size;
    if (other->size > size_) is_outrun_ = true;
    if (link.failures < kSizesInARow) return absl::ZeroDuration();
  } else {
    link.trouble = std::get<WitnessTrouble>(std::move(outcome));
    if (link.trouble->word == kWitnessAhead || link.trouble->word == kWitnessConflict) {
      link.evidence = absl::StrCat(link.trouble->word, ": witness ", link.verifier.name(), ": ",
                                   link.trouble->detail);
    }
  }
  absl::Duration pause = parts_.policy.retry_least;
  for (int i = 1; i < link.failures && pause < parts_.policy.retry_most; ++i) pause *= 2;
  return std::min(pause, parts_.policy.retry_most) * absl::Uniform(jitter_, 0.5, 1.0);
}

int Witnesses::CosignedBy() const {
  return static_cast<int>(
      std::count_if(links_.begin(), links_.end(),
                    [](const std::unique_ptr<Link>& link) { return !link->cosignature.empty(); }));
}

absl::Duration Witnesses::Lag() const {
  return waiting_since_.has_value() ? parts_.clock() - *waiting_since_ : absl::ZeroDuration();
}

void Witnesses::AwaitAnswers(absl::Duration most) {
  const auto answered = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return number_ == 0 ||
           std::all_of(links_.begin(), links_.end(),
                       [number = number_](const std::unique_ptr<Link>& link) {
                         // A size that it named is no answer yet.
                         return link->answered == number &&
                                (!link->cosignature.empty() || link->trouble.has_value());
                       });
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&answered), most);
}

std::string Witnesses::Cosigned() const {
  absl::MutexLock lock(&mutex_);
  return cosigned_;
}

absl::Status Witnesses::EvidenceLocked() const {
  for (const std::unique_ptr<Link>& link : links_) {
    if (!link->evidence.empty()) return absl::DataLossError(link->evidence);
  }
  return absl::OkStatus();
}

absl::Status Witnesses::Evidence() const {
  absl::MutexLock lock(&mutex_);
  return EvidenceLocked();
}

absl::Status Witnesses::Health() const {
  absl::MutexLock lock(&mutex_);
  if (absl::Status evidence = EvidenceLocked(); !evidence.ok()) return evidence;
  const absl::Duration lag = Lag();
  if (lag <= parts_.policy.lag_halt) return absl::OkStatus();
  std::string why = absl::StrCat("WITNESS_LAG: no quorum of witnesses has cosigned for ",
                                 absl::FormatDuration(absl::Trunc(lag, absl::Seconds(1))));
  for (const std::unique_ptr<Link>& link : links_) {
    if (!link->trouble.has_value()) continue;
    absl::StrAppend(&why, "; ", link->verifier.name(), ": ", link->trouble->word);
  }
  return absl::UnavailableError(why);
}

WitnessReport Witnesses::Report() const {
  absl::MutexLock lock(&mutex_);
  WitnessReport report;
  report.lag = Lag();
  report.is_late = report.lag > parts_.policy.lag_warn;
  for (const std::unique_ptr<Link>& link : links_) {
    if (!link->trouble.has_value()) continue;
    report.troubles.push_back(
        {link->verifier.name(), std::string(link->trouble->word), link->trouble->detail});
  }
  return report;
}

void Witnesses::Stop() {
  const auto quiet = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return std::none_of(links_.begin(), links_.end(),
                        [](const std::unique_ptr<Link>& link) { return link->asking; });
  };
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    // A question that is only about to be put can't be ended yet.
    do {
      for (const std::unique_ptr<Link>& link : links_) {
        if (link->asking) link->transport->Cancel();
      }
    } while (!mutex_.AwaitWithTimeout(absl::Condition(&quiet), kCancelAgain));
  }
  for (const std::unique_ptr<Link>& link : links_) {
    if (link->thread.joinable()) link->thread.join();
  }
}

}  // namespace sluice::server
