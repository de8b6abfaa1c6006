import FedifyKv
import Testing

@testable import FedifyMySQL

@Suite struct KeyOrderTests {
    @Test func keysAreOrderedByTheirBytesAndEqualOnesStay() {
        let parts = ["", "a", "aa", "b", "abcdefgh", "abcdefghi", "abcdefghj", "é", "\u{1F600}", "\0"]
        for shared in ["", "https://server1.example/users/"] {
            for count in [0, 1, 2, 3, 100] {
                let keys = (0..<count).map { _ in
                    KvKey((0..<Int.random(in: 1...2)).map { _ in shared + (parts.randomElement() ?? "") })
                }
                let expected = keys.enumerated().sorted { left, right in
                    let (a, b) = (Array(left.element.serialized.utf8), Array(right.element.serialized.utf8))
                    return a == b ? left.offset < right.offset : a.lexicographicallyPrecedes(b)
                }
                #expect(keys.order == expected.map(\.offset), "\(keys)")
            }
        }
    }
}
