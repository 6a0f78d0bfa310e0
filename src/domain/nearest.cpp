#include "domain/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace amivirt {

namespace {

constexpr std::size_t k_longest_word = 256;  // nobody slips within a longer one

char fold(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Insertions, deletions, substitutions and swaps of neighbours; case costs nothing.
std::size_t distance(std::string_view a, std::string_view b) {
    std::array<std::vector<std::size_t>, 3> rows;  // two back, one back, this
    for (auto& row : rows) {
        row.resize(b.size() + 1);
    }
    for (std::size_t j = 0; j <= b.size(); ++j) {
        rows[1][j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        rows[2][0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = fold(a[i - 1]) == fold(b[j - 1]);
            rows[2][j] = std::min({rows[1][j] + 1, rows[2][j - 1] + 1, rows[1][j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1])) {
                rows[2][j] = std::min(rows[2][j], rows[0][j - 2] + 1);
            }
        }
        std::rotate(rows.begin(), rows.begin() + 1, rows.end());
    }
    return rows[1][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& words) {
    if (word.empty() || word.size() > k_longest_word) {
        return {};
    }
    // One slip in a short word, up to three in a long one.
    const std::size_t allowed = std::min<std::size_t>((word.size() + 2) / 4, 3);
    std::size_t best = allowed + 1;
    const std::string* found = nullptr;
    for (const std::string& candidate : words) {
        const std::size_t longer = std::max(candidate.size(), word.size());
        const std::size_t shorter = std::min(candidate.size(), word.size());
        if (longer - shorter > allowed) {
            continue;
        }
        const std::size_t d = distance(word, candidate);
        if (d < best) {
            best = d;
            found = &candidate;
        }
    }
    return found == nullptr ? std::string() : *found;
}

std::string did_you_mean(const std::string& word) { return word.empty() ? std::string() : fmt::format("Did you mean \"{}\"?", word); }

}  // namespace amivirt
