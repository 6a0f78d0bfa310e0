#include "faces/cli/render_carried.hpp"

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

std::string file_table(const Outcome& outcome) {
    TextTable table({"IMAGE", "NAME", "FILE"});
    table.add({outcome.image.id.str(), outcome.image.name, outcome.file});
    return table.str();
}

}  // namespace

Answer export_answer(const Outcome& outcome, std::string_view format) {
    Answer answer;
    answer.ids = {outcome.file};
    answer.table = [outcome] { return file_table(outcome); };
    answer.document = [outcome, format = std::string(format)] {
        Json root;
        root["ImageId"] = outcome.image.id.str();
        root["DiskImageFormat"] = format;
        root["Status"] = "completed";
        root["File"] = outcome.file;
        put(root, "Sha256", outcome.sha256);
        return document(std::move(root));
    };
    return answer;
}

Answer store_answer(const Outcome& outcome) {
    Answer answer;
    answer.ids = {outcome.file};
    answer.table = [outcome] { return file_table(outcome); };
    answer.document = [outcome] {
        return document({{"ObjectKey", outcome.file}, {"AmiId", outcome.image.id.str()}, {"Sha256", outcome.sha256}});
    };
    return answer;
}

Answer signers_answer(const std::vector<TrustedSigner>& signers) {
    Answer answer;
    for (const auto& signer : signers) {
        answer.ids.push_back(signer.fingerprint);
    }
    answer.table = [signers] {
        TextTable table({"NAME", "FINGERPRINT"});
        for (const auto& signer : signers) {
            table.add({signer.name, signer.fingerprint});
        }
        return table.str();
    };
    answer.document = [signers] {
        Json list = Json::array();
        for (const auto& signer : signers) {
            list.push_back({{"Name", signer.name}, {"Fingerprint", signer.fingerprint}, {"PublicKey", signer.public_key}});
        }
        return document({{"Signers", std::move(list)}});
    };
    return answer;
}

Answer demand_answer(Demand demand, const std::string& region) {
    Answer answer;
    answer.ids = {region};
    answer.table = [demand, region] {
        FieldList fields;
        fields.add("Region", region);
        fields.add("Signature demanded", demand == Demand::yes ? "yes" : "no");
        return fields.str();
    };
    answer.document = [demand, region] { return document({{"RegionName", region}, {"SignatureDemanded", demand == Demand::yes}}); };
    return answer;
}

}  // namespace amivirt::cli
