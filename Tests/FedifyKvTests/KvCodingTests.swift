import FedifyKv
import Foundation
import Testing

@Suite struct KvCodingTests {
    private func date(_ text: String) throws -> Date {
        try JSONValue(encoding: text).decode(as: Date.self)
    }

    /// Each text is what JavaScript's `new Date(seconds * 1000).toISOString()` gives.
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_795_758_784.123, "2026-11-27T05:53:04.123Z"), (0.001, "1970-01-01T00:00:00.001Z"),
        (4_107_542_399, "2100-02-28T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        (-62_135_596_800, "0001-01-01T00:00:00.000Z"), (-62_167_219_200, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_201, "-000001-12-31T23:59:59.000Z"), (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        (253_402_300_800, "+010000-01-01T00:00:00.000Z"), (8_640_000_000_000, "+275760-09-13T00:00:00.000Z"),
        (-8_640_000_000_000, "-271821-04-20T00:00:00.000Z"),
    ])
    func datesAreWrittenAsJavaScriptWritesThem(_ seconds: Double, _ text: String) throws {
        let written = Date(timeIntervalSince1970: seconds)
        #expect(try JSONValue(encoding: written).json == "\"\(text)\"")
        #expect(try abs(date(text).timeIntervalSince(written)) < 1e-6)
    }

    @Test func datesKeepTheirMicroseconds() throws {
        var random = Xorshift(state: 4711)
        for _ in 0..<5000 {
            // From 1900 to 2100; a Date is a Double, whose own steps are below a microsecond there.
            let microseconds = Int.random(in: -2_208_988_800_000_000...4_102_444_800_000_000, using: &random)
            let seconds = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
            let written = Date(
                timeIntervalSinceReferenceDate: Double(seconds.quotient) + Double(seconds.remainder) / 1e6)
            let value = try JSONValue(encoding: written)
            let read = try value.decode(as: Date.self)
            #expect(abs(read.timeIntervalSince(written)) < 0.5e-6, "\(value)")
            #expect(try JSONValue(encoding: read).json == value.json)
        }
    }

    @Test(arguments: [
        ("2026-11-27T05:53:04Z", "2026-11-27T05:53:04.000Z"), ("2026-11-27T05:53:04.5Z", "2026-11-27T05:53:04.500Z"),
        ("2026-11-27T05:53:04.123456789Z", "2026-11-27T05:53:04.123457Z"),
        ("2026-11-27T05:53:04.999999999Z", "2026-11-27T05:53:05.000Z"),
        ("2026-11-27T06:53:04+01:00", "2026-11-27T05:53:04.000Z"),
        ("2026-11-26T22:23:04.000-07:30", "2026-11-27T05:53:04.000Z"),
    ])
    func datesOfOtherProgramsAreRead(_ text: String, _ canonical: String) throws {
        #expect(try JSONValue(encoding: date(text)).json == "\"\(canonical)\"")
    }

    @Test(arguments: [
        "", "2026-11-27", "2026-11-27T05:53:04", "2026-11-27T05:53Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "-000000-01-01T00:00:00Z", "26-01-01T00:00:00Z",
        "2026-1-1T00:00:00Z", "+2026-01-01T00:00:00Z", "２０２６-01-01T00:00:00Z",
    ])
    func whatIsNoDateIsRefused(_ text: String) {
        let error = #expect(throws: KvError.self) { try date(text) }
        #expect(error?.code == .decodingFailed)
    }

    @Test func datesWithoutAYearOfSixDigitsAreRefused() {
        for seconds in [Double.infinity, .nan, 1e15, -1e15, 3.2e13] {
            #expect(throws: KvError.self) { try JSONValue(encoding: Date(timeIntervalSince1970: seconds)) }
        }
    }

    @Test func theTextIsTheSameEachTime() throws {
        let members = Dictionary(uniqueKeysWithValues: (0..<100).map { ("member\($0)", $0) })
        let one = try JSONValue(encoding: members)
        var other = members
        other.reserveCapacity(1000)
        #expect(try JSONValue(encoding: other).json == one.json)
        struct Link: Encodable { let url: String, data: Data }
        #expect(
            try JSONValue(encoding: Link(url: "https://example.com/", data: Data([0xFF, 0xFE]))).json
                == #"{"data":"//4=","url":"https://example.com/"}"#)
    }

    @Test func aStoreHasACodingOfItsOwn() async throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        struct Actor: Codable, Equatable { var publicKey: String }
        let kv = MemoryKvStore(coding: KvCoding(encoder: encoder, decoder: decoder))
        try await kv.set(["a"], Actor(publicKey: "x"))
        #expect(try await kv.get(["a"])?.json == #"{"public_key":"x"}"#)
        #expect(try await kv.get(["a"], as: Actor.self) == Actor(publicKey: "x"))
        #expect(try await kv.cas(["a"], expected: Actor(publicKey: "x"), new: Actor(publicKey: "y")))
        #expect(try await kv.get(["a"])?.json == #"{"public_key":"y"}"#)
        #expect(
            try KvEntry(["a"], encoding: Actor(publicKey: "x"), coding: kv.coding).value.json == #"{"public_key":"x"}"#)
    }

    @Test func aJSONValueStaysAsItIs() async throws {
        let kv = MemoryKvStore()
        let value = JSONValue(uncheckedJSON: #"{ "b": 1.0, "a": 1e400 }"#)
        try await kv.set(["a"], Optional(value), ttl: nil)
        #expect(try JSONValue(encoding: value).json == value.json)
        #expect(try value.decode(as: JSONValue.self).json == value.json)
        #expect(try value.decode(as: JSONValue?.self)?.json == value.json)
        #expect(try JSONValue.null.decode(as: JSONValue?.self) == nil)
        #expect(try JSONValue(encoding: JSONValue?.none) == .null)
        #expect(try await kv.get(["a"], as: JSONValue?.self)??.json == value.json)
    }

    @Test func casTakesTwoTypes() async throws {
        let kv = MemoryKvStore()
        #expect(try await kv.cas(["a"], expected: nil, new: "me"))
        let (me, one) = ("me", 1)
        #expect(try await kv.cas(["a"], expected: me, new: one))
        #expect(try await kv.cas(["a"], expected: one, new: [me: one]))
        #expect(try await kv.cas(["a"], expected: [me: one], new: nil))
        #expect(try await kv.get(["a"]) == nil)
    }
}
