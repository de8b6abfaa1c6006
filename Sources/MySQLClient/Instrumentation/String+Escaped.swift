extension String {
    /// Control characters and what may change the writing direction escaped, and cut to `limit` characters: for text
    /// that a stranger chose.
    ///
    /// - Parameter limit: Unicode scalars that are shown.
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
