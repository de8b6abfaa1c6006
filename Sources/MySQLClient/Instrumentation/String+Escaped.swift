extension String {
    /// Text from an untrusted source: truncated to `limit` characters, with control and bidirectional characters
    /// escaped.
    ///
    /// - Parameter limit: The maximum number of Unicode scalars.
    /// - Returns: The text.
    package func escaped(limit: Int = 256) -> String {
        var result = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.dropFirst(limit).isEmpty ? result : result + "…"
    }
}
