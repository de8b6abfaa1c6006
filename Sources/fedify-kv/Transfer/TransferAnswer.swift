/// What an export, an import or a copy has done.
struct TransferAnswer: Encodable {
    let entries: Int
    /// Import: entries that had ended, and were left out.
    var expired: Int?
    /// Export and copy: rows that were left out, as their keys are none that this store would write.
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
        if let expired { text += ", \(expired) had ended" }
        if let skipped, skipped > 0 { text += ", left out: \(skipped), whose keys are no JSON arrays of strings" }
        return text
    }
}
