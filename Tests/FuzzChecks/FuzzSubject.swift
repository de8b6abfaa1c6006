/// The fuzzed inputs, by the names of their corpora.
public enum FuzzSubject: String, Sendable, CaseIterable {
    /// Keys, from and to text, and their prefixes.
    case key
    /// JSON values and their equality.
    case value
    /// Database URLs.
    case url
    /// The lines and requests of `fedify-kv pipe`.
    case pipe
    /// A server's packets: logins and answers.
    case packets

    /// Tries an input.
    ///
    /// - Throws: ``Finding``, or what the code should not have thrown.
    public func check(_ input: [UInt8]) async throws {
        switch self {
        case .key: try KeyCheck.check(input)
        case .value: try ValueCheck.check(input)
        case .url: try URLCheck.check(input)
        case .pipe: try await PipeCheck.check(input)
        case .packets: try ProtocolCheck.check(input)
        }
    }
}

extension [UInt8] {
    /// The parts between bytes 0xFF, which UTF-8 never has, as text; what isn't UTF-8 is replaced.
    var texts: [String] {
        split(separator: 0xFF, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension String {
    /// The same scalars, which `==` doesn't say.
    func isSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
