import FedifyKv
import Foundation
import Testing

@Suite struct KvKeyTests {
    /// As JavaScript's JSON.stringify writes them.
    @Test(arguments: [
        (["users", "alice"], #"["users","alice"]"#),
        ([""], #"[""]"#),
        (["a\"b\\c/d"], #"["a\"b\\c/d"]"#),
        (["\u{8}\t\n\u{C}\r"], #"["\b\t\n\f\r"]"#),
        (["\u{0}\u{1f}\u{b}"], #"["\u0000\u001f\u000b"]"#),
        (["\u{7f}\u{80}\u{2028}\u{2029}😀é"], "[\"\u{7f}\u{80}\u{2028}\u{2029}😀é\"]"),
    ])
    func serializesAsJavaScriptDoes(_ components: [String], _ text: String) {
        let key = KvKey(components)
        #expect(key.serialized == text)
        #expect(KvKey(serialized: text) == key)
        #expect(KvKey(serialized: text)?.components() == components)
    }

    @Test(arguments: [
        "", "[]", "[1]", "[\"a\",1]", "[\"a\", \"b\"]", " [\"a\"]", "[\"a\"] ", "{}", "\"a\"", "[\"a\"",
        "[\"\\u0041\"]",
        "[\"\\u001F\"]", "[\"\\u0008\"]", "[\"\\/\"]", "[\"\\ud83d\\ude00\"]", "[\"\\ud800\"]", "[[\"a\"]]", "[\"a\",]",
    ])
    func readsTheCanonicalTextAlone(_ text: String) {
        #expect(KvKey(serialized: text) == nil)
    }

    /// Rows of the TypeScript store: `key` as it was given, `key_json` and `key_hex` as they are in the database.
    @Test func serializesAsTheTypeScriptStoreDid() throws {
        let fixture = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../IntegrationTests/Fixtures/upstream-rows.jsonl")
        let lines = String(decoding: try Data(contentsOf: fixture), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 73)
        var loneSurrogates = 0
        for line in lines {
            let row = try #require(try JSONDocument(String(line)).members())
            let text = try #require(try JSONDocument(row["key_json"] ?? "").string())
            if let hex = try row["key_hex"].flatMap({ try JSONDocument($0).string() }) {
                #expect(text.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == hex)
            }
            guard let components = try JSONDocument(row["key"] ?? "").strings() else {
                // Swift's strings can't hold it.
                loneSurrogates += 1
                #expect(KvKey(serialized: text) == nil, "\(text)")
                continue
            }
            let key = KvKey(components)
            #expect(key.serialized.utf8.elementsEqual(text.utf8), "\(text)")
            #expect(KvKey(serialized: text) == key, "\(text)")
            #expect(KvKey(serialized: text)?.components().map { Array($0.utf8) } == components.map { Array($0.utf8) })
        }
        #expect(loneSurrogates == 2)
    }

    /// Any components come back from the text, whatever is in them.
    @Test func everyTextReadsBack() {
        var random = Xorshift(state: 815)
        let scalars = Array("aé\u{301}😀\"\\/,[]%_ \n\u{0}\u{1F}\u{7F}\u{2028}u0041".unicodeScalars)
        for _ in 0..<5000 {
            let key = KvKey(
                (1...Int.random(in: 1...4, using: &random)).map { _ in
                    var component = ""
                    for _ in 0..<Int.random(in: 0...6, using: &random) {
                        component.unicodeScalars.append(scalars.randomElement(using: &random)!)
                    }
                    return component
                })
            let read = KvKey(serialized: key.serialized)
            #expect(read == key && read?.hashValue == key.hashValue, "\(key)")
            #expect(read?.components().map { Array($0.utf8) } == key.components().map { Array($0.utf8) }, "\(key)")
        }
    }

    @Test func equalityIsByScalars() {
        let composed: KvKey = ["\u{E9}"]
        let decomposed: KvKey = ["e\u{301}"]
        #expect(composed.components()[0] == decomposed.components()[0], "Swift takes the strings for equal")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
        #expect((["a", "b"] as KvKey) != ["a,b"])
        #expect((["a", "b"] as KvKey) != ["a\",\"b"])
    }

    @Test func orderIsByTheBytesOfTheText() {
        let sorted: [KvKey] = [
            ["A"], ["a", "b"], ["a"], ["aa"], ["b"], ["e\u{301}"], ["f"], ["\u{E9}"], ["\u{FFFD}"], ["😀"],
        ]
        #expect(sorted.shuffled().sorted() == sorted)
    }

    @Test func prefixesAreOfComponents() {
        let key: KvKey = ["a", "b", "c"]
        for prefix: KvKey in [[], ["a"], ["a", "b"], ["a", "b", "c"]] { #expect(key.hasPrefix(prefix)) }
        for other: KvKey in [["b"], ["a", "c"], ["a", "b", "c", "d"], ["ab"], [""]] { #expect(!key.hasPrefix(other)) }
        #expect(!(["\u{E9}", "x"] as KvKey).hasPrefix(["e\u{301}"]))
    }

    @Test func keysAreAppended() {
        let users: KvKey = ["users"]
        #expect(users.appending("al\"ice") == ["users", "al\"ice"])
        #expect(users.appending("") == ["users", ""])
        #expect(users + ["a", "b"] == ["users", "a", "b"])
        #expect(users + [] == users && [] + users == users && ([] + [] as KvKey) == [])
        #expect(([] as KvKey).appending("a") == ["a"])
        #expect((users + ["a", "b"]).components() == ["users", "a", "b"])
    }
}
