// One verb on several objects, where one that fails does not stop the others.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faces/cli/command.hpp"
#include "faces/cli/side_by_side.hpp"

namespace amivirt::cli {

template <class Outcome>
struct Several {
    std::vector<Outcome> done;  ///< those that went well, in the order of their words
    int status = 0;             ///< of the first fault
};

/// Each word once, in the order in which they came first.
[[nodiscard]] inline std::vector<std::string> distinct(const std::vector<std::string>& words) {
    std::vector<std::string> once;
    for (const std::string& word : words) {
        if (std::find(once.begin(), once.end(), word) == once.end()) {
            once.push_back(word);
        }
    }
    return once;
}

/// Finds each word's record (two words that mean the same one are one), then acts on each, on at most `width` at a time. Faults are told
/// in the order of the words.
template <class Record, class Outcome>
[[nodiscard]] Several<Outcome> act_on_each(Session& session, const std::vector<std::string>& words, std::size_t width,
                                           const std::function<Result<Record>(const std::string& word)>& find,
                                           const std::function<Result<Outcome>(const Record& record)>& act) {
    struct One {
        std::optional<Record> record;
        std::optional<Outcome> outcome;
        std::optional<Error> error;
    };
    std::vector<One> all;
    for (const std::string& word : words) {
        One one;
        if (Result<Record> found = find(word); !found) {
            one.error = std::move(found.error());
        } else if (std::any_of(all.begin(), all.end(), [&](const One& other) { return other.record && other.record->id == found->id; })) {
            continue;
        } else {
            one.record = std::move(*found);
        }
        all.push_back(std::move(one));
    }
    side_by_side(all.size(), width, [&](std::size_t i) {
        One& one = all[i];
        if (!one.record) {
            return;
        }
        if (Result<Outcome> outcome = act(*one.record)) {
            one.outcome = std::move(*outcome);
        } else {
            one.error = std::move(outcome.error());
        }
    });
    Several<Outcome> several;
    for (One& one : all) {
        if (one.error) {
            session.talk().error(*one.error);
            several.status = several.status != 0 ? several.status : facts(one.error->code).exit_status;
        } else {
            several.done.push_back(std::move(*one.outcome));
        }
    }
    return several;
}

/// The records themselves, for a "show".
template <class Record>
[[nodiscard]] Several<Record> find_each(Session& session, const std::vector<std::string>& words,
                                        const std::function<Result<Record>(const std::string& word)>& find) {
    return act_on_each<Record, Record>(session, words, 1, find, [](const Record& record) -> Result<Record> { return record; });
}

template <class Record>
[[nodiscard]] std::vector<std::string> ids_of(const std::vector<Record>& records) {
    std::vector<std::string> ids;
    for (const Record& record : records) {
        ids.push_back(record.id.str());
    }
    return ids;
}

/// One field list each, an empty line between them.
template <class Record>
[[nodiscard]] std::string fields_of(const std::vector<Record>& records, std::string (*fields)(const Record&)) {
    std::string out;
    for (const Record& record : records) {
        out += (out.empty() ? "" : "\n") + fields(record);
    }
    return out;
}

/// "show": each word's record as fields, all of them as one document.
template <class Record>
[[nodiscard]] int show_each(Session& session, const std::vector<std::string>& words,
                            const std::function<Result<Record>(const std::string& word)>& find, std::string (*fields)(const Record&),
                            const std::function<Document(const std::vector<Record>& records)>& document) {
    const Several<Record> found = find_each<Record>(session, words, find);
    if (!found.done.empty()) {
        Answer answer;
        answer.table = [&] { return fields_of(found.done, fields); };
        answer.document = [&] { return document(found.done); };
        answer.ids = ids_of(found.done);
        session.print(answer);
    }
    return found.status;
}

}  // namespace amivirt::cli
