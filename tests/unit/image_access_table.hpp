// The permission table: who may do what to an image in which state; for the domain's test and the services'.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/image_access.hpp"

namespace amivirt::samples {

enum class Principal { owner, listed, everyone, stranger };
constexpr std::array k_principals{Principal::owner, Principal::listed, Principal::everyone, Principal::stranger};

enum class Condition { available, deprecated, disabled, deregistered };

struct AccessRow {
    Condition condition;
    std::string_view name;
    ImageAction action;
    /// A letter for owner, listed, public, stranger: y yes, n InvalidAMIID.NotFound, a AuthFailure, u InvalidAMIID.Unavailable.
    std::string_view answers;
};

constexpr std::array k_access{
    AccessRow{Condition::available, "available", ImageAction::describe, "yyyn"},
    AccessRow{Condition::available, "available", ImageAction::run, "yyya"},
    AccessRow{Condition::available, "available", ImageAction::copy, "yyya"},
    AccessRow{Condition::available, "available", ImageAction::create, "yyyy"},
    AccessRow{Condition::available, "available", ImageAction::export_image, "yaan"},
    AccessRow{Condition::available, "available", ImageAction::deregister, "yaan"},
    AccessRow{Condition::available, "available", ImageAction::modify, "yaan"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::describe, "yyyn"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::run, "yyya"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::copy, "yyya"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::create, "yyyy"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::export_image, "yaan"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::deregister, "yaan"},
    AccessRow{Condition::deprecated, "deprecated", ImageAction::modify, "yaan"},
    AccessRow{Condition::disabled, "disabled", ImageAction::describe, "ynnn"},
    AccessRow{Condition::disabled, "disabled", ImageAction::run, "uaaa"},
    AccessRow{Condition::disabled, "disabled", ImageAction::copy, "uaaa"},
    AccessRow{Condition::disabled, "disabled", ImageAction::create, "yyyy"},
    AccessRow{Condition::disabled, "disabled", ImageAction::export_image, "unnn"},
    AccessRow{Condition::disabled, "disabled", ImageAction::deregister, "ynnn"},
    AccessRow{Condition::disabled, "disabled", ImageAction::modify, "ynnn"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::describe, "uuun"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::run, "uuun"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::copy, "uuun"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::create, "yyyy"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::export_image, "uuun"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::deregister, "uuun"},
    AccessRow{Condition::deregistered, "deregistered", ImageAction::modify, "uuun"},
};

/// The letter of an answer; '?' for an error that is not of the table.
template <class T>
[[nodiscard]] char letter_of(const Result<T>& answer) {
    if (answer) {
        return 'y';
    }
    switch (answer.error().code) {
        case Code::invalid_ami_id_not_found:
            return 'n';
        case Code::auth_failure:
            return 'a';
        case Code::invalid_ami_id_unavailable:
            return 'u';
        default:
            return '?';
    }
}

}  // namespace amivirt::samples
