import Testing

@testable import inbox

/// Input that isn't an activity is refused with an informative status, and changes nothing.
@Suite struct BadInputTests {
    /// `O` stands for the other server's URL.
    static let bodies: [(body: String, status: Int)] = [
        ("", 400),
        ("no JSON", 400),
        ("[]", 400),
        ("null", 400),
        (#"{"type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/1","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/1","type":"Create"}"#, 400),
        (#"{"id":1,"type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/1","type":"Create","actor":{"name":"alice"}}"#, 400),
        (#"{"id":"O/1","type":"Create","actor":["O/actors/alice"]}"#, 400),
        (#"{"id":"","type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"ftp://localhost/1","type":"Create","actor":"ftp://localhost/a"}"#, 400),
        (#"{"id":"file:///etc/passwd","type":"Create","actor":"file:///etc/passwd"}"#, 400),
        (#"{"id":"O/1","type":"Create","actor":"https://elsewhere.example/actors/alice"}"#, 400),
        (#"{"id":"O/1","type":"Create","actor":"http://user:password@localhost/actors/alice"}"#, 400),
        (#"{"id":"O/1\u0000","type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/é","type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/\#(String(repeating: "a", count: 600))","type":"Create","actor":"O/actors/alice"}"#, 400),
        (#"{"id":"O/1","type":"Unheard","actor":"O/actors/alice"}"#, 422),
        // Deeper than any of the servers keeps.
        (
            #"{"id":"O/1","type":"Create","actor":"O/actors/alice","object":"#
                + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}", 422
        ),
        (#"{"id":"O/1","type":"Create","actor":"O/actors/alice","a":"\#(String(repeating: "a", count: 65536))"}"#, 413),
    ]

    @Test func everyOneIsRefused() async throws {
        try await InboxFixture.run { inbox throws in
            for (body, status) in Self.bodies {
                let body = body.replacing("O/", with: inbox.origin + "/")
                #expect(try await inbox.post(body).status == status, "\(body.prefix(80))")
            }
            #expect(try await inbox.post(inbox.activity("1"), as: "text/plain").status == 415)
            #expect(try await inbox.kv.count(prefix: ["inbox"]) == 0)
            #expect(try await inbox.kv.count(prefix: ["activities"]) == 0)
        }
    }

    @Test func theActorMayBeAnObject() async throws {
        try await InboxFixture.run { inbox throws in
            let body = #"{"id":"O/1","type":"Like","actor":{"id":"O/actors/alice","type":"Person"}}"#
                .replacing("O/", with: inbox.origin + "/")
            #expect(try await inbox.post(body, as: "application/ld+json; profile=\"x\"").status == 202)
        }
    }
}
