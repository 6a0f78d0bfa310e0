#include "amivirt/domain/image_insides.hpp"

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<Severity>, 3> k_severities{{{Severity::high, "high"}, {Severity::medium, "medium"}, {Severity::low, "low"}}};
constexpr std::array<Word<LintFinding::Fix>, 3> k_fixes{
    {{LintFinding::Fix::remove, "remove"}, {LintFinding::Fix::empty, "empty"}, {LintFinding::Fix::lock_passwords, "lock the passwords"}}};

}  // namespace

std::string_view to_string(Severity value) noexcept { return word_for(k_severities, value); }
std::string_view to_string(LintFinding::Fix value) noexcept { return word_for(k_fixes, value); }

}  // namespace amivirt
