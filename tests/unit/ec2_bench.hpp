// The API on services over fakes, as its tests ask it.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <regex>
#include <string>
#include <vector>

#include "faces/ec2/api.hpp"
#include "faces/ec2/call.hpp"
#include "faces/ec2/signature.hpp"
#include "fakes/fake_port_forwarder.hpp"
#include "services_bench.hpp"

namespace amivirt::ec2 {

class Ec2Api : public amivirt::testing::Bench {
protected:
    Ec2Api() {
        types.add({"m1.small", 1, MiB{1740}, 1, GiB{160}});
        regions_.push_back(services("local"));
    }

    Services services(const std::string& name) {
        return {name,        images,    governance, bin,        settings, instances, volumes,      snapshots,
                capture,     carrying,  tagging,    reconciler, files,    types,     answers,      reset,
                accounting,  network,   key_pairs,  addresses,  extras,   sharing,   ebs_settings, volume_records,
                image_store, templates, screens,    leases,     promises};
    }
    Api& api() {
        if (!api_) {
            api_ = std::make_unique<Api>(Ports{regions_, accounts, ids, clock, log, authenticate, me, "127.0.0.1:8773", rate, allow_reset});
        }
        return *api_;
    }
    HttpResponse post(const std::string& form) {
        return noted(api().handle({"POST", "/", {{"Host", "127.0.0.1:8773"}}, "Version=2016-11-15&" + form}));
    }
    /// As it is; and written to the file AMIVIRT_EC2_ANSWERS, where there is one, for ec2_answers_test.py.
    static HttpResponse noted(HttpResponse response) {
        static const char* const path = std::getenv("AMIVIRT_EC2_ANSWERS");
        if (path != nullptr && response.status == 200) {
            static std::mutex mutex;  // some tests ask from many threads
            const std::lock_guard lock(mutex);
            static std::ofstream file(path, std::ios::trunc | std::ios::binary);
            file << response.known_action << ' ' << response.body.size() << '\n' << response.body << std::flush;
        }
        return response;
    }
    /// Its body, of an answer that is one.
    std::string ok(const std::string& form) {
        const auto response = post(form);
        EXPECT_EQ(response.status, 200U) << form << "\n" << response.body;
        return response.body;
    }
    /// The code of an answer that is an error.
    std::string code(const std::string& form) {
        const auto response = post(form);
        EXPECT_GE(response.status, 400U) << form << "\n" << response.body;
        return first("Code", response.body);
    }
    static std::vector<std::string> every(const std::string& name, const std::string& body) {
        std::vector<std::string> found;
        const std::regex element("<" + name + ">([^<]*)</" + name + ">");
        for (std::sregex_iterator at(body.begin(), body.end(), element), end; at != end; ++at) {
            found.push_back((*at)[1]);
        }
        return found;
    }
    static std::string first(const std::string& name, const std::string& body) {
        const auto all = every(name, body);
        return all.empty() ? "" : all.front();
    }
    /// Launched, and up.
    std::string run(const std::string& more = "") {
        const auto body = ok("Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str() + more);
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        return first("instanceId", body);
    }

    HttpRequest signed_form(const std::string& form, const AccessKey& key, const std::string& region = "local",
                            const std::string& service = "ec2") {
        HttpRequest request{"POST", "/", {{"Host", "127.0.0.1:8773"}, {"X-Amz-Date", "20261122T053000Z"}}, form};
        Claim claim;
        claim.key_id = key.id;
        claim.date = "20261122";
        claim.region = region;
        claim.service = service;
        claim.signed_headers = "host;x-amz-date";
        claim.time = "20261122T053000Z";
        request.headers.emplace_back(
            "Authorization", fmt::format("AWS4-HMAC-SHA256 Credential={}/{}/{}/{}/aws4_request, SignedHeaders={}, Signature={}", key.id,
                                         claim.date, region, service, claim.signed_headers, sign(request, claim, key.secret)));
        return request;
    }

    Sync<fakes::FakeHostPorts> host_ports;
    fakes::FakePortForwarder forwarder{host_ports};
    PublicAddresses addresses{{catalog, liveness, forwarder, clock, log}};
    std::vector<Services> regions_;
    bool authenticate = false;
    double rate = 0;
    bool allow_reset = false;
    Answers answers{catalog, operations, clock};
    Promises promises{catalog, clock, log};
    Accounting accounting{catalog, storage, files};
    Image image = import("tiny");
    std::unique_ptr<Api> api_;
};

}  // namespace amivirt::ec2
