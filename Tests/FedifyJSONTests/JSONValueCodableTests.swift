import FedifyJSON
import Foundation
import Testing

@Suite struct JSONValueCodableTests {
    private static let texts = [
        "null", "true", "false", "0", "-1", "1.0", "0.1", "1e300", "9007199254740993", "9223372036854775807",
        "-9223372036854775808", "18446744073709551615", "18446744073709551616", "0.1234567890123456789012345",
        "\"\"", "\"é\\u00e9\\n\\/\\ud83d\\ude00\"", "[]", "{}", "[[],{}]", "[1,null,\"a\",true,[2]]",
        "{\"b\":1,\"a\":{\"c\":[1.5]}}", "{\"a\":1,\"a\":2}", "{\"1\":1}",
    ]

    @Test(arguments: texts)
    func survivesFoundationsEncoder(_ text: String) throws {
        let value = try JSONValue(json: text)
        let encoded = try JSONEncoder().encode(value)
        #expect(try JSONValue(json: String(decoding: encoded, as: UTF8.self)) == value)
        #expect(try JSONDecoder().decode(JSONValue.self, from: encoded) == value)
    }

    @Test func isAPartOfOtherTypes() throws {
        struct Envelope: Codable, Equatable {
            var id: Int
            var body: JSONValue
            var other: JSONValue?
        }
        let envelope = Envelope(id: 1, body: ["a": [1, 2.5, .null]], other: nil)
        let encoded = try JSONEncoder().encode(envelope)
        #expect(try JSONDecoder().decode(Envelope.self, from: encoded) == envelope)
        #expect(
            try JSONValue(json: String(decoding: encoded, as: UTF8.self)) == ["id": 1, "body": ["a": [1, 2.5, .null]]])
    }

    @Test func anotherCodersFormatWorksToo() throws {
        let value: JSONValue = ["a": [1, "x", true, ["b": 0.5]]]
        let encoded = try PropertyListEncoder().encode(value)
        #expect(try PropertyListDecoder().decode(JSONValue.self, from: encoded) == value)
    }

    /// A value that an encoder would change is an error.
    @Test(arguments: [
        "1e400", "0.12345678901234567890123456789012345678901234567890", "\"\\ud800\"",
        "{\"\u{E9}\":1,\"e\u{301}\":2}", "nonsense",
        String(repeating: "[", count: 600) + String(repeating: "]", count: 600),
        String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000),
    ])
    func refusesToEncode(_ text: String) {
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(JSONValue(uncheckedJSON: text)) }
    }

    @Test func hasLiterals() throws {
        let value: JSONValue = ["null": .null, "list": [1, -2.5, true, "a\"\n"], "empty": [:]]
        #expect(value.json == #"{"null":null,"list":[1,-2.5,true,"a\"\n"],"empty":{}}"#)
        #expect(("a" as JSONValue).json == "\"a\"")
        let absent: JSONValue? = nil
        #expect(absent != .null)
    }

    @Test(arguments: [
        ("1", "1.0"), ("1", "10e-1"), ("0", "-0"), ("{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}"),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"), ("\"\\u00e9\"", "\"é\""), ("[ 1 ]", "[1]"),
        ("{\"a\":{\"c\":1,\"d\":2},\"b\":{}}", "{\"b\":{},\"a\":{\"d\":2,\"c\":1}}"),
    ])
    func equalValuesAreOneInASet(_ left: String, _ right: String) {
        let values: Set<JSONValue> = [.init(uncheckedJSON: left), .init(uncheckedJSON: right)]
        #expect(values.count == 1)
    }

    @Test func differentValuesAreTwoInASet() {
        let texts = ["1", "2", "\"1\"", "[1]", "[[1]]", "{}", "[]", "null", "{\"a\":1}", "{\"b\":1}", "nonsense", "x"]
        #expect(Set(texts.map(JSONValue.init(uncheckedJSON:))).count == texts.count)
        #expect(Set(texts.map { JSONValue(uncheckedJSON: $0).hashValue }).count > 10)
    }
}
