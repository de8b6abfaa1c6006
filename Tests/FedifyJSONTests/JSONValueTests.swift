import Foundation
import Testing

@testable import FedifyJSON

@Suite struct JSONValueTests {
    @Test(arguments: [
        "0", "-0", "10", "1.5", "1e5", "1E+05", "1e-5", "-1.25e-10", "true", "false", "null", "\"\"",
        "\"é\\u00e9\\n\\/\"",
        "\"\\ud800\"", "[]", "{}", " [ ] ", "[1,[2,{\"a\":[]}]]", "{\"\":{}}", "\t\n\r {\"a\" : 1 , \"b\" : 2 } ",
        "\"\u{7f}\"",
        "123456789012345678901234567890", "0e1", "0E-0", "-0.0e+00", "1.0e+0", "[0,-0,0.0]", "[[[]],[{}]]",
        "{\"a\":1,\"a\":2}", "{\"\\u0000\":null}", "\"\\u0000\"", "\"\\uDBFF\\uDFFE\"", "\"\\udc00\"", "\"\u{10FFFF}\"",
        "\"\u{FEFF}\"", "\"\\\\u0041\"", "\"/*\"", "[\"\\\"\"]", "\n1\n", "1e999999999999999",
        "1e000000000000000000001",
    ])
    func takesJSON(_ text: String) throws {
        #expect(try JSONValue(json: text).json == text)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "+1", "01", "-", "-a", "1.", ".5", "1e", "1e+", "0x1", "1 2", "\"", "\"\\\"",
        "\"\\x\"", "\"\\u12g4\"", "\"\\u123", "\"\\", "\"\n\"", "\"\u{0}\"", "[", "]", "[1", "[1,", "[1,]", "[,1]",
        "[1 2]", "[1}",
        "{", "}", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}",
        "{\"a\":1]",
        "{,}", "[]]", "{}{}", "NaN", "Infinity", "-Infinity", "'a'", "// x\n1", "\u{FEFF}1", "1e1000000000000000",
        "[\u{A0}]", "-01", "00", "- 1", "--1", "0.e1", "0e", "1e+-2", "1ee2", "1.2.3", "0b1", "1_000", "1,000", "１",
        "1a", "-Inf",
        "\"\\u00G0\"", "\"\\u00\"", "\"\\u+0041\"", "\"\\U0041\"", "\"\\a\"", "\"\\'\"", "\"\t\"", "\"\u{1F}\"",
        "\"a\"b",
        "\"\\ud83d\\u\"", "tru", "nullnull", "NULL", "undefined", "[\"a\"", "[\"a\",", "[1,,2]", "[1:2]", "[,]", "[}",
        "[[]",
        "[1]x", "[1],", "{\"a\":1,,\"b\":2}", "{\"a\"::1}", "{\"a\",1}", "{'a':1}", "{\"a\":1}}", "{null:1}", "{[]:1}",
        "{\"a\":1 \"b\":2}", "{\"a\" \"b\"}", "{\"a\":1/**/}", "[1]#", "\u{2028}1", "1\u{C}", "\u{B}1", "\u{0}",
        "1\u{0}", "{]",
    ])
    func refusesWhatIsNot(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(json: text) }
    }

    /// An error says what is wrong and where, and nothing of the value.
    @Test func errorsDoNotShowTheValue() {
        for text in [
            "{\"hunter2\"}", "hunter2", "\"hunter2", "{\"a\":hunter2}", "[\"\\hunter2\"]", "hunter2e9999999999999999",
        ] {
            let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(json: text) }
            #expect(error.map { "\($0)" }?.contains("hunter2") == false)
            #expect(error?.description.contains("at byte") == true)
        }
    }

    @Test(arguments: [
        ("1", "1.0"), ("1", "1e0"), ("100", "1e2"), ("0", "-0"), ("0", "0e5"), ("0.1", "0.10"), ("1e-7", "0.0000001"),
        ("10e399", "1e400"), ("0.01e402", "1e400"), ("1e0000000000000000000000001", "10"), ("0e999999999999999", "-0"),
        ("-0.0", "0"), ("1e-0", "1"), ("123.4500", "12345e-2"), ("1e999999999999999", "10e999999999999998"),
        ("1e400", "1E+400"), ("1e01", "10"), ("0.000", "0"), ("120e-1", "12"), ("-1.5", "-15e-1"),
        ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"), ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        ("{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"),
        ("\"\\u00e9\"", "\"é\""), ("\"\\ud83d\\ude00\"", "\"😀\""), ("\"\\/\"", "\"/\""), ("\"\\uD800\"", "\"\\ud800\""),
        ("[ ]", "[]"), ("{\"x\":[1,{\"y\":null}]}", " { \"x\" : [ 1.0 , { \"y\" : null } ] } "),
    ])
    func isEqualAsJSON(_ left: String, _ right: String) throws {
        #expect(try JSONValue(json: left) == JSONValue(json: right))
        #expect(try JSONValue(json: right) == JSONValue(json: left))
    }

    @Test(arguments: [
        ("9007199254740992", "9007199254740993"), ("18446744073709551615", "18446744073709551616"), ("1e400", "1e401"),
        ("1", "-1"), ("0.1", "0.10000000000000001"), ("1", "\"1\""), ("null", "false"), ("0", "false"), ("0", "null"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"), ("[1]", "[1,1]"), ("[1,1]", "[1]"), ("[]", "[[]]"), ("{\"a\":1}", "{\"a\":2}"),
        ("{\"a\":1}", "{\"b\":1}"),
        ("{\"a\":1}", "{\"a\":1,\"b\":1}"), ("\"\u{E9}\"", "\"e\u{301}\""), ("\"a\"", "\"a \""),
        ("\"\\ud800\"", "\"\\udbff\""),
        ("\"\\u0000\"", "\"\""), ("[\"a\",\"b\"]", "[\"a,b\"]"), ("{\"a\":1,\"a\":2}", "{\"a\":1}"),
        ("1e400", "10e400"), ("1e-400", "0"), ("1e-400", "-1e-400"), ("1e999999999999999", "1e999999999999998"),
        ("10", "1"),
        ("10", "100"),
    ])
    func isDifferentAsJSON(_ left: String, _ right: String) throws {
        #expect(try JSONValue(json: left) != JSONValue(json: right))
        #expect(try JSONValue(json: right) != JSONValue(json: left))
    }

    /// Nesting costs memory, never stack: on a thread with little of it.
    @Test func deepNestingIsNoRecursion() async throws {
        let depth = 200_000
        let arrays = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let objects = String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)
        let spaced = arrays.replacing("[", with: "[ ", maxReplacements: 1)
        let outcome = await withCheckedContinuation { continuation in
            let thread = Thread {
                let isRight =
                    JSONValue(uncheckedJSON: arrays) == JSONValue(uncheckedJSON: spaced)
                    && JSONValue(uncheckedJSON: objects)
                        == JSONValue(uncheckedJSON: objects.replacing(":1}", with: ":1.0}"))
                    && JSONValue(uncheckedJSON: arrays) != JSONValue(uncheckedJSON: objects)
                    && (try? JSONSummary(objects).depth) == depth
                    && (try? JSONValue(json: String(arrays.dropLast()))) == nil
                continuation.resume(returning: isRight)
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
        #expect(outcome)
    }

    /// Values of the same length that differ at their innermost: the text is not gone through again at every level. That
    /// would take hundreds of times as long as reading it; the clock need not be exact.
    @Test func deepDifferencesAreFoundInLinearTime() throws {
        let text = String(repeating: "[", count: 10_000) + "1" + String(repeating: "]", count: 10_000)
        let clock = ContinuousClock()
        var (reading, comparing) = (Duration.seconds(3600), Duration.seconds(3600))
        for _ in 0..<3 {
            var documents: [JSONDocument] = []
            reading = try min(
                reading,
                clock.measure { documents = try [JSONDocument(text), JSONDocument(text.replacing("1", with: "2"))] })
            comparing = min(comparing, clock.measure { #expect(!JSONDocument.areEqual(documents[0], documents[1])) })
        }
        #expect(comparing < reading * 50)
    }

    /// Random values, spelled twice in different ways, are equal; changed in one place they are not.
    @Test func equalityDoesNotDependOnSpelling() throws {
        var random = Xorshift(state: 4711)
        for _ in 0..<2000 {
            let tree = Tree.random(&random, depth: 4)
            let one = try JSONValue(json: tree.spell(&random))
            let other = try JSONValue(json: tree.spell(&random))
            #expect(one == other, "\(one) and \(other)")
            #expect(one.hashValue == other.hashValue, "\(one) and \(other)")
            let changed = try JSONValue(json: tree.changed(&random).spell(&random))
            #expect(one != changed, "\(one) and \(changed)")
        }
    }

    @Test(arguments: [
        ("0", true), ("-0", true), ("123456789012345678", true), ("9223372036854775807", true),
        ("-9223372036854775808", true), ("18446744073709551615", true), ("18446744073709551616", false),
        ("-9223372036854775809", false), ("100000000000000000000", true), ("0.1", true), ("0.30000000000000004", true),
        ("0.300000000000000041", false), ("1.7976931348623157e308", true), ("1.8e308", false), ("5e-324", true),
        ("4e-324", false),
        ("1e-400", false), ("0.1234567890123456789", false), ("[1,{\"a\":18446744073709551616}]", false),
        ("\"1e400\"", true),
    ])
    func knowsWhatMySQLKeeps(_ json: String, _ isExact: Bool) throws {
        #expect(try JSONSummary(json).isExactOnMySQL == isExact)
    }
}

/// A generator that gives the same numbers in every run.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

/// A JSON value that can be spelled in many ways.
private indirect enum Tree {
    case literal(String)
    case number(Int)
    case string(String)
    case array([Tree])
    case object([(String, Tree)])

    static func random(_ random: inout Xorshift, depth: Int) -> Tree {
        switch Int.random(in: 0..<(depth > 0 ? 6 : 3), using: &random) {
        case 0: .literal(["null", "true", "false"].randomElement(using: &random)!)
        case 1: .number(Int.random(in: -1_000_000...1_000_000, using: &random))
        case 2: .string(text(&random))
        case 3: .array((0..<Int.random(in: 0...3, using: &random)).map { _ in .random(&random, depth: depth - 1) })
        default:
            .object(
                (0..<Int.random(in: 0...3, using: &random)).map { index in
                    (text(&random) + "\(index)", .random(&random, depth: depth - 1))
                })
        }
    }

    private static func text(_ random: inout Xorshift) -> String {
        String(
            (0..<Int.random(in: 0...4, using: &random)).map { _ in "aé😀\"\\/\n\u{1}".randomElement(using: &random)! })
    }

    func spell(_ random: inout Xorshift) -> String {
        let space = ["", " ", "\n\t"].randomElement(using: &random)!
        switch self {
        case .literal(let word): return space + word
        case .number(let number):
            let spellings = ["\(number)", "\(number).0", "\(number)0e-1", "\(number)E+00"]
            return number == 0 ? "0" : spellings.randomElement(using: &random)! + space
        case .string(let string): return Self.spell(string, &random)
        case .array(let elements):
            var texts: [String] = []
            for element in elements { texts.append(element.spell(&random)) }
            return "[\(space)\(texts.joined(separator: "," + space))]"
        case .object(let members):
            var texts: [String] = []
            for (name, value) in members.shuffled(using: &random) {
                texts.append("\(Self.spell(name, &random))\(space):\(value.spell(&random))")
                // A name that comes again counts in its last place.
                if Int.random(in: 0..<4, using: &random) == 0 {
                    texts.insert("\(Self.spell(name, &random)):0", at: texts.count - 1)
                }
            }
            return "{\(texts.joined(separator: ","))}\(space)"
        }
    }

    private static func spell(_ string: String, _ random: inout Xorshift) -> String {
        var result = "\""
        for scalar in string.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            if mustEscape || Int.random(in: 0..<3, using: &random) == 0 {
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                }
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Another value.
    func changed(_ random: inout Xorshift) -> Tree {
        switch self {
        case .literal(let word): return .literal(word == "null" ? "true" : "null")
        case .number(let number): return .number(number + 1)
        case .string(let string): return .string(string + "x")
        case .array(var elements):
            guard let index = elements.indices.randomElement(using: &random) else { return .array([.number(0)]) }
            elements[index] = elements[index].changed(&random)
            return .array(elements)
        case .object(var members):
            guard let index = members.indices.randomElement(using: &random) else { return .object([("a", .number(0))]) }
            members[index].1 = members[index].1.changed(&random)
            return .object(members)
        }
    }
}
