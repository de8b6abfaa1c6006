import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import inbox

/// The page in a real browser, which shows what the server and the table have.
@Suite struct StatusPageTests {
    @Test(.timeLimit(.minutes(5)))
    func thePageShowsTheStoreLive() async throws {
        try await InboxFixture.run({
            $0.requestsPerWindow = 4; $0.window = .seconds(1 << 32)
        }) { inbox throws in
            #expect(try await inbox.post(inbox.activity("1")).status == 202)
            #expect(try await inbox.post(inbox.remote.follow("\(inbox.origin)/actors/alice", by: "evil")).status == 202)
            #expect(try await inbox.post(inbox.activity("3", type: "Like")).status == 202)
            // The follower's inbox refuses the third one.
            try await eventually { try await inbox.queue.depth().dead == 1 }
            #expect(try await inbox.post(inbox.activity("1")).status == 200)
            #expect(try await inbox.post(inbox.activity("5")).status == 429)
            let url = "http://localhost:\(inbox.client.port ?? 0)/"
            var page = ""
            // The chart shows seconds that are over.
            try await eventually(within: .seconds(240)) {
                page = try await Browser.page(url, seconds: 4)
                return page.contains(/<path class="median" d="M[0-9]/)
            }
            #expect(page.contains(#"data-state="live""#))
            #expect(try Int(value(of: "data-updates", in: page)) ?? 0 >= 2)
            #expect(text(of: "state", in: page) == "live")
            #expect(text(of: "accepted", in: page) == "3")
            #expect(text(of: "repeated", in: page) == "1")
            #expect(text(of: "limited", in: page) == "1")
            #expect(text(of: "hits", in: page) == "1")
            #expect(text(of: "misses", in: page) == "2")
            #expect(text(of: "ratio", in: page) == "33 %")
            #expect(text(of: "rate", in: page).flatMap(Double.init) ?? 0 > 0)
            // cas: four counted, four claims tried. get: five counts, three actors, one claim that another has, one
            // activity to deliver. set: three activities, three marks, two actors, one follower.
            for (name, times) in [("cas", 8), ("get", 10), ("set", 9)] {
                #expect(page.contains("<td>\(name)</td><td class=\"number\">\(times)</td>"), "\(name)")
            }
            for (prefix, count) in [("activities", 3), ("actors", 2), ("followers", 1), ("inbox", 3), ("limits", 1)] {
                #expect(page.contains("<td>\(prefix)</td><td class=\"number\">\(count)</td>"), "\(prefix)")
            }
            for (state, number) in [("ready", 0), ("delayed", 0), ("in work", 0), ("dead", 1)] {
                #expect(page.contains("<td>\(state)</td><td class=\"number\">\(number)</td>"), "\(state)")
            }
            let host = inbox.origin.replacing("http://", with: "")
            #expect(page.contains("<td>\(host)</td><td>the inbox answered 404</td><td class=\"number\">1</td>"))
            for (status, times) in [("200", 1), ("202", 3), ("429", 1)] {
                #expect(page.contains("<td>\(status)</td><td class=\"number\">\(times)</td>"), "\(status)")
            }
            #expect(page.contains("<td>Like</td><td>alice</td><td>localhost</td>"))
            #expect(page.contains(/<path class="high" d="M[0-9]/))
            // A stranger's name is text, whatever is in it.
            #expect(page.contains("<td>&lt;img src=x onerror="))
            #expect(!page.contains("<img"))
            #expect(page.contains("<title>Inbox</title>"))
        }
    }

    @Test func thePageTakesNothingFromElsewhere() async throws {
        try await InboxFixture.run { inbox throws in
            try await inbox.client.execute(uri: "/", method: .get) { response in
                #expect(response.status == .ok)
                #expect(response.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
                let page = String(buffer: response.body)
                #expect(!page.contains("https://"))
                #expect(!page.contains("<script src") && !page.contains("<link rel=\"stylesheet\""))
                #expect(!page.contains("innerHTML"))
            }
        }
    }

    private func text(of id: String, in page: String) -> String? {
        guard let start = page.range(of: "id=\"\(id)\">")?.upperBound else { return nil }
        return page[start...].prefix { $0 != "<" }.description
    }

    private func value(of attribute: String, in page: String) throws -> String {
        let start = try #require(page.range(of: "\(attribute)=\"")).upperBound
        return page[start...].prefix { $0 != "\"" }.description
    }
}
