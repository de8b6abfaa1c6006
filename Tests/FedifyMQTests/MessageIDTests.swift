import FedifyMQ
import Foundation
import Testing

@Suite struct MessageIDTests {
    /// 2026-11-27 00:00:00.123456.
    private static let time: Int64 = 1_795_737_600_123_456

    @Test func idsAreInOrder() {
        let calls = (0..<100).map { MessageID.make(1000, at: Self.time + $0) }
        let ids = calls.flatMap { $0 }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
    }

    @Test func anIDIsAUUIDOfVersion7() throws {
        for id in MessageID.make(1000, at: Self.time) {
            #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
            #expect(UUID(uuidString: id) != nil)
            // The first 48 bits are milliseconds.
            let hex = id.replacing("-", with: "")
            #expect(Int64(hex.prefix(12), radix: 16) == Self.time / 1000)
        }
    }

    @Test(arguments: [0, 1, 999, 1000, time, time + 1, 253_402_300_799_999_999])
    func theTimeIsReadBack(_ time: Int64) throws {
        let id = try #require(MessageID.make(1, at: time).first)
        let read = try #require(MessageID.time(of: id))
        // A millisecond has 4096 parts.
        #expect(abs(read - time) <= 1)
    }

    /// IDs that the servers made for the TypeScript queue, with the `deliver_after` of the row, which was at most an hour
    /// later.
    @Test(arguments: [
        ("8eac2fb7-e9d3-11f1-a706-02fc00000001", "2026-11-26 19:57:06.621433"),
        ("8ead0d7f-e9d3-11f1-a706-02fc00000001", "2026-11-26 19:57:06.627176"),
        ("99c93c77-e9d3-11f1-b2a4-02fc00000001", "2026-11-26 19:57:25.266756"),
        ("99cb43e7-e9d3-11f1-b2a4-02fc00000001", "2026-11-26 19:57:25.280156"),
    ])
    func theTimeOfTheServersIDsIsRead(_ id: String, _ deliverAfter: String) throws {
        let formatter = ISO8601DateFormatter()
        let whole = try #require(
            formatter.date(from: deliverAfter.prefix(19).replacing(" ", with: "T") + "Z"))
        let microseconds = try #require(MessageID.time(of: id))
        #expect(abs(Double(microseconds) / 1e6 - whole.timeIntervalSince1970) < 3600)
    }

    /// The example of RFC 9562, appendix A: 2022-02-22 19:22:22 UTC.
    @Test(arguments: [
        "C232AB00-9414-11EC-B3C8-9F6BDECED846", "1EC9414C-232A-6B00-B3C8-9F6BDECED846",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
    ])
    func theTimeOfTheStandardsExamplesIsRead(_ id: String) throws {
        #expect(try #require(MessageID.time(of: id)) / 1_000_000 == 1_645_557_742)
    }

    @Test(arguments: [
        "", "x", "919108f7-52d1-4320-9bac-f847db4148a8", "8eac2fb7-e9d3-11f1-a706-02fc0000000",
        "gggggggg-e9d3-11f1-a706-02fc00000001", "00000000-0000-0000-0000-000000000000",
    ])
    func otherIDsHaveNoTime(_ id: String) {
        #expect(MessageID.time(of: id) == nil)
    }
}
