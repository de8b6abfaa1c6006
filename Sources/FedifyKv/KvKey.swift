/// A key: a list of strings, from general to particular, as in `["users", "alice"]`.
///
/// Two keys are equal if their components are the same Unicode scalars in the same order. This is not Swift's
/// `String ==`, which takes "é" for one scalar and for two as the same.
///
/// An empty key stands only for "no prefix" in ``KvStore/list(prefix:)``; every other operation refuses it.
public struct KvKey: Sendable {
    /// The components, in order.
    public let components: [String]

    /// The key as JavaScript's `JSON.stringify` writes the array: this text is what Fedify stores.
    public let serialized: String

    /// A key of these components.
    public init(_ components: [String]) {
        self.components = components
        self.serialized = Self.serialize(components)
    }

    /// The key that `serialized` is the text of, or nil if `JSON.stringify` would not have written it for an array of
    /// one or more strings that Swift can hold (a lone surrogate is one it can't).
    public init?(serialized: String) {
        guard let components = Self.parse(serialized), !components.isEmpty else { return nil }
        self.components = components
        self.serialized = serialized
    }

    /// The components are equal to `prefix`, or begin with it.
    public func hasPrefix(_ prefix: KvKey) -> Bool {
        components.count >= prefix.components.count
            && zip(components, prefix.components).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
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
        left.serialized.utf8.elementsEqual(right.serialized.utf8)
    }

    /// By the bytes of the serialized text: the order in which every store lists.
    public static func < (left: KvKey, right: KvKey) -> Bool {
        left.serialized.utf8.lexicographicallyPrecedes(right.serialized.utf8)
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
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        bytes.reserveCapacity(components.reduce(2) { $0 + $1.utf8.count + 3 })
        for (index, component) in components.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONString.append(component, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads the canonical form alone: a key that serializes to other text would never be found again by `get`.
    private static func parse(_ text: String) -> [String]? {
        guard let value = try? JSONDocument(text), let components = value.strings() else { return nil }
        return serialize(components).utf8.elementsEqual(text.utf8) ? components : nil
    }
}
