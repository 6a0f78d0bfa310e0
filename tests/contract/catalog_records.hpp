// Records with every field set, and how to compare them.
#pragma once

#include <cstdint>
#include <ostream>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

// Every field, by structured binding in the .cpp: a new field does not compile until it is compared here.
bool operator==(const Attachment& a, const Attachment& b);
bool operator==(const Image& a, const Image& b);
bool operator==(const Instance& a, const Instance& b);
bool operator==(const Volume& a, const Volume& b);
bool operator==(const Snapshot& a, const Snapshot& b);
bool operator==(const Layer& a, const Layer& b);
bool operator==(const Operation& a, const Operation& b);
bool operator==(const Download& a, const Download& b);
bool operator==(const RetentionRule& a, const RetentionRule& b);
bool operator==(const KeyPair& a, const KeyPair& b);
bool operator==(const LabMember& a, const LabMember& b);
bool operator==(const Document& a, const Document& b);

// For GoogleTest's messages.
template <class Record>
requires requires(const Record& record) { record.id.str(); }
void PrintTo(const Record& record, std::ostream* out) { *out << record.id.str(); }
inline void PrintTo(const Download& download, std::ostream* out) { *out << download.url; }
inline void PrintTo(const LabMember& member, std::ostream* out) { *out << member.key; }
inline void PrintTo(const Document& document, std::ostream* out) { *out << document.key; }

namespace contract {

/// Everything set, to values that are no defaults; `n` makes it unlike others. The layer of a volume or snapshot is layer `n`.
[[nodiscard]] Image full_image(std::uint64_t n);
[[nodiscard]] Instance full_instance(std::uint64_t n);
[[nodiscard]] Volume full_volume(std::uint64_t n);
[[nodiscard]] Snapshot full_snapshot(std::uint64_t n);
[[nodiscard]] Layer full_layer(std::uint64_t n);
[[nodiscard]] Operation full_operation(std::uint64_t n);
[[nodiscard]] Download full_download(std::uint64_t n);
[[nodiscard]] RetentionRule full_retention_rule(std::uint64_t n);
[[nodiscard]] KeyPair full_key_pair(std::uint64_t n);
[[nodiscard]] LabMember full_lab_member(std::uint64_t n);
[[nodiscard]] Document full_document(std::uint64_t n, const std::string& kind);
[[nodiscard]] RegionPolicy full_policy();

/// As little as may be set.
[[nodiscard]] Image plain_image(std::uint64_t n);
[[nodiscard]] Instance plain_instance(std::uint64_t n);
[[nodiscard]] Volume plain_volume(std::uint64_t n);
[[nodiscard]] Snapshot plain_snapshot(std::uint64_t n);
[[nodiscard]] Layer plain_layer(std::uint64_t n);

}  // namespace contract

}  // namespace amivirt
