/// The result of an export, an import or a copy.
struct TransferAnswer: Encodable {
    let entries: Int
    /// Import: the number of skipped expired entries.
    var expired: Int?
    /// Export and copy: the number of skipped rows whose keys this store would not write.
    var skipped: Int?
    let seconds: Double

    init(_ progress: Progress, expired: Int? = nil, skipped: Int? = nil) {
        entries = progress.entries
        self.expired = expired
        self.skipped = skipped
        seconds = progress.elapsed / .seconds(1)
    }

    func text(_ verb: String) -> String {
        var text = "\(entries) entries \(verb)"
        if let expired { text += ", \(expired) had expired" }
        if let skipped, skipped > 0 { text += ", skipped: \(skipped), whose keys are not JSON arrays of strings" }
        return text
    }
}
