import FedifyKv
import Testing

@Suite struct JSONValueCodingTests {
    @Test func encodesAndDecodes() throws {
        struct Profile: Codable, Equatable {
            var name: String
            var score: Double
        }
        let profile = Profile(name: "Zoë / \"x\"", score: 0.1)
        #expect(try JSONValue(encoding: profile).decode(as: Profile.self) == profile)
        #expect(try JSONValue(encoding: UInt64.max).json == "18446744073709551615")
        #expect(try JSONValue(encoding: UInt64.max).decode(as: UInt64.self) == .max)
        #expect(try JSONValue(encoding: String?.none) == .null)
        #expect(try JSONValue.null.decode(as: String?.self) == nil)
        #expect(throws: KvError.self) { try JSONValue.null.decode(as: String.self) }
        let nan = #expect(throws: KvError.self) { try JSONValue(encoding: Double.nan) }
        #expect(nan?.code == .invalidValue)
        let secret = JSONValue(uncheckedJSON: "{\"password\":\"hunter2\"}")
        let error = #expect(throws: KvError.self) { try secret.decode(as: Profile.self) }
        #expect(error?.code == .decodingFailed)
        #expect(error.map { "\($0)" }?.contains("hunter2") == false)
    }

    @Test func ttlsAreRoundedUpToMicroseconds() throws {
        #expect(try TimeToLive(.zero).microseconds == 0)
        #expect(try TimeToLive(.nanoseconds(1)).microseconds == 1)
        #expect(try TimeToLive(.nanoseconds(1000)).microseconds == 1)
        #expect(try TimeToLive(.nanoseconds(1001)).microseconds == 2)
        #expect(try TimeToLive(.seconds(3600) + .nanoseconds(1)).microseconds == 3_600_000_001)
        for bad in [Duration.nanoseconds(-1), .seconds(-1), .seconds(Int64.max), .seconds(8001 * 365 * 86400)] {
            let error = #expect(throws: KvError.self) { try TimeToLive(bad) }
            #expect(error?.code == .invalidTTL)
        }
    }

    /// An error is shown without the one beneath it.
    @Test func errorsDoNotShowWhatLiesBeneath() {
        let wrapped = KvError(.serverError, "refused", underlyingError: KvError(.serverError, "hunter2"))
        #expect("\(wrapped)" == "serverError: refused")
        let error = #expect(throws: KvError.self) { try JSONValue(checking: "[hunter2") }
        #expect(error?.code == .invalidValue)
        #expect(error?.message.contains("hunter2") == false)
    }
}
