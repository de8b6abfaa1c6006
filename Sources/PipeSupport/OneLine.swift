package import FedifyJSON

extension JSONValue {
    /// The text without line breaks. JSON has none within its strings; a server that keeps text verbatim may have some
    /// between its parts.
    package var oneLine: String {
        guard json.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return json }
        return String(decoding: json.utf8.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, as: UTF8.self)
    }
}
