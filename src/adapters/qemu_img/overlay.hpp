// An empty qcow2 file, written by ourselves: a launch makes one per volume, and starting qemu-img for each costs more than the rest.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

/// A file given by its length and the few places that are not zero.
struct SparseFile {
    std::uint64_t length = 0;
    std::vector<std::pair<std::uint64_t, std::string>> pieces;  ///< offset, bytes
};

/// qcow2 version 3 (source: QEMU's docs/interop/qcow2.txt) with nothing allocated: header, refcounts, an empty L1 table. `parent` is
/// the backing file's name as stored, in qcow2 format; "" for none. Pure. invalid_parameter_value for a size of 0 or one that is no
/// multiple of 512, or too large for qcow2. `luks` is what luks_header() gave, "" for a disk that is not encrypted.
[[nodiscard]] Result<SparseFile> empty_overlay(Bytes size, const std::string& parent, const std::string& luks = {});

}  // namespace amivirt
