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
        #expect(KvKey(serialized: text)?.components == components)
    }

    @Test(arguments: [
        "", "[]", "[1]", "[\"a\",1]", "[\"a\", \"b\"]", " [\"a\"]", "[\"a\"] ", "{}", "\"a\"", "[\"a\"",
        "[\"\\u0041\"]",
        "[\"\\u001F\"]", "[\"\\u0008\"]", "[\"\\/\"]", "[\"\\ud83d\\ude00\"]", "[\"\\ud800\"]", "[[\"a\"]]", "[\"a\",]",
    ])
    func readsTheCanonicalTextAlone(_ text: String) {
        #expect(KvKey(serialized: text) == nil)
    }

    @Test func equalityIsByScalars() {
        let composed: KvKey = ["\u{E9}"]
        let decomposed: KvKey = ["e\u{301}"]
        #expect(composed.components[0] == decomposed.components[0], "Swift takes the strings for equal")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
        #expect((["a", "b"] as KvKey) != ["a,b"])
        #expect((["a", "b"] as KvKey) != ["a\",\"b"])
    }

    @Test func orderIsByTheBytesOfTheText() {
        let sorted: [KvKey] = [["A"], ["a", "b"], ["a"], ["aa"], ["b"], ["é"], ["\u{FFFD}"], ["😀"]]
        #expect(sorted.shuffled().sorted() == sorted)
    }

    @Test func prefixesAreOfComponents() {
        let key: KvKey = ["a", "b", "c"]
        for prefix: KvKey in [[], ["a"], ["a", "b"], ["a", "b", "c"]] { #expect(key.hasPrefix(prefix)) }
        for other: KvKey in [["b"], ["a", "c"], ["a", "b", "c", "d"], ["ab"], [""]] { #expect(!key.hasPrefix(other)) }
        #expect(!(["\u{E9}", "x"] as KvKey).hasPrefix(["e\u{301}"]))
    }
}
