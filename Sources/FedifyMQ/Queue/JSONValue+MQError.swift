extension JSONValue {
    /// Properties of the text that a queue needs.
    ///
    /// - Throws: ``MQError`` `invalidMessage` if it isn't JSON.
    package func messageSummary() throws(MQError) -> JSONSummary {
        do {
            return try JSONSummary(json)
        } catch {
            throw MQError(.invalidMessage, "the message isn't JSON: \(error)")
        }
    }
}
