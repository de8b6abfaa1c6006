/// A batch of the sweeper. Its times are of the machine's clock, the same in all processes, and lie between the taking
/// of the server's lock and its release.
struct SweepBatch: Codable {
    let begin: UInt64
    let end: UInt64
    let removed: Int
}
