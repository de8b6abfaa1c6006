/// A key: a list of strings, from general to particular, as in `["users", "alice"]`.
///
/// Two keys are equal if their components are the same Unicode scalars in the same order. This is not Swift's
/// `String ==`, which takes "é" for one scalar and for two as the same.
///
/// An empty key stands only for "no prefix" in ``KvStore/list(prefix:)``; every other operation refuses it.
public struct KvKey: Sendable {
    /// The key as JavaScript's `JSON.stringify` writes the array: this text is what Fedify stores.
    public let serialized: String

    /// The components, in order. A method, as it reads them from ``serialized``: a store works with the text alone.
    public func components() -> [String] {
        guard let components = try? JSONDocument(serialized).strings() else {
            preconditionFailure("a key's text is a JSON array of strings")
        }
        return components
    }

    /// A key of these components.
    public init(_ components: [String]) {
        self.serialized = Self.serialize(components)
    }

    /// The key that `serialized` is the text of, or nil if `JSON.stringify` would not have written it for an array of
    /// one or more strings that Swift can hold (a lone surrogate is one it can't).
    public init?(serialized: String) {
        guard Self.isCanonical(serialized) else { return nil }
        self.serialized = serialized
    }

    /// There are no components.
    package var isEmpty: Bool { serialized.utf8.count == 2 }

    /// The key with one more component.
    public func appending(_ component: String) -> KvKey {
        self + KvKey([component])
    }

    /// The components of one key followed by those of another.
    public static func + (left: KvKey, right: KvKey) -> KvKey {
        if left.isEmpty { return right }
        if right.isEmpty { return left }
        return KvKey(checked: "\(left.serialized.dropLast()),\(right.serialized.dropFirst())")
    }

    private init(checked serialized: String) {
        self.serialized = serialized
    }

    /// The components are equal to `prefix`, or begin with it.
    public func hasPrefix(_ prefix: KvKey) -> Bool {
        if prefix.isEmpty || self == prefix { return true }
        // Within its quotes a component has no quote that isn't escaped: what follows the last one is a comma.
        return serialized.utf8.starts(with: prefix.serialized.utf8.dropLast())
            && serialized.utf8.dropFirst(prefix.serialized.utf8.count - 1).first == UInt8(ascii: ",")
    }
}

extension KvKey: ExpressibleByArrayLiteral {
    /// A key of these components.
    public init(arrayLiteral elements: String...) {
        self.init(elements)
    }
}

extension KvKey: Hashable, Comparable, CustomStringConvertible {
    /// Equal scalar by scalar.
    public static func == (left: KvKey, right: KvKey) -> Bool {
        left.serialized.hasSameBytes(as: right.serialized)
    }

    /// By the bytes of the serialized text: the order in which every store lists.
    public static func < (left: KvKey, right: KvKey) -> Bool {
        left.serialized.compareBytes(with: right.serialized) < 0
    }

    /// Hashes the bytes of the serialized text.
    public func hash(into hasher: inout Hasher) {
        var text = serialized
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// The serialized text.
    public var description: String { serialized }
}

// MARK: - JSON.stringify, and back

extension KvKey {
    private static func serialize(_ components: [String]) -> String {
        if components.isEmpty { return "[]" }
        // Brackets, and quotes and a comma for each.
        let size = components.reduce(1) { $0 + JSONString.size(of: $1) + 1 }
        return String(unsafeUninitializedCapacity: size) { buffer in
            var index = 0
            for component in components {
                buffer[index] = UInt8(ascii: index == 0 ? "[" : ",")
                index += 1
                index += JSONString.write(component, to: UnsafeMutableBufferPointer(rebasing: buffer[index...]))
            }
            buffer[index] = UInt8(ascii: "]")
            return index + 1
        }
    }

    /// The canonical form alone: a key that serializes to other text would never be found again by `get`.
    private static func isCanonical(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard bytes.count > 3, bytes[0] == UInt8(ascii: "[") else { return false }
            var index = 1
            while true {
                guard let end = JSONString.canonicalEnd(in: bytes, from: index), end < bytes.count else { return false }
                index = end + 1
                if bytes[end] == UInt8(ascii: "]") { return index == bytes.count }
                guard bytes[end] == UInt8(ascii: ",") else { return false }
            }
        }
    }
}
