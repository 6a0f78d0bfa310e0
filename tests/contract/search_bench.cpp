// For scripts/bench-search: CATALOG ROUNDS and some of `image list`'s options. Prints how many were found, and the medians of
// elapsed and of processor time, in milliseconds: where others compete for the processors, only the latter says something.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "adapters/sqlite/catalog.hpp"
#include "fakes/fake_id_source.hpp"

namespace {

using namespace amivirt;

ImageSearch search_of(const std::vector<std::string>& words) {
    ImageSearch search;
    const auto account = [](const std::string& word) { return word == "self" ? AccountId::local() : AccountId::parse(word).value(); };
    search.seen_by = AccountId::local();
    search.hide_disabled = true;
    search.hide_deprecated = TimePoint(Duration(1795325400000));
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word.starts_with("--filter=")) {
            search.filters.push_back(parse_filter(word.substr(9)).value());
        } else if (word == "--name") {
            search.filters.push_back({"name", {words.at(++i)}});
        } else if (word == "--sort") {
            search.order = parse_image_order(words.at(++i)).value();
        } else if (word == "--limit") {
            search.limit = std::stoul(words.at(++i));
        } else if (word == "--owner") {
            search.owners = std::vector{account(words.at(++i))};
        } else if (word == "--executable-by") {
            search.executable_by.emplace();
            if (words.at(++i) == "all") {
                search.executable_by->everyone = true;
            } else {
                search.executable_by->accounts = {account(words.at(i))};
            }
        } else {
            throw std::runtime_error("what is " + word);
        }
    }
    return search;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const ImageSearch search = search_of({words.begin() + 2, words.end()});
    fakes::FakeIdSource ids;
    const auto catalog = open_sqlite_catalog(words.at(0), ids);
    if (!catalog) {
        fmt::print(stderr, "{}\n", describe(catalog.error()));
        return 1;
    }
    std::vector<double> elapsed;
    std::vector<double> worked;
    std::size_t found = 0;
    for (int round = std::stoi(words.at(1)); round > 0; --round) {
        const auto begun = std::chrono::steady_clock::now();
        const std::clock_t worked_before = std::clock();
        const auto read = (*catalog)->read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY(session.index().images(search)).records.size();
            return {};
        });
        worked.push_back(static_cast<double>(std::clock() - worked_before) * 1000 / CLOCKS_PER_SEC);
        elapsed.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
        if (!read) {
            fmt::print(stderr, "{}\n", describe(read.error()));
            return 1;
        }
    }
    const auto median = [](std::vector<double>& times) {
        std::sort(times.begin(), times.end());
        return times.at(times.size() / 2);
    };
    fmt::print("{} {:.2f} {:.2f}\n", found, median(elapsed), median(worked));
    return 0;
}
