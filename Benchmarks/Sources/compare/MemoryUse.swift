/// What the memory is measured of: the name of the contestants' command.
enum MemoryUse: String, CaseIterable {
    case callers = "memory-callers"
    case overload = "memory-overload"
    case listMany = "memory-list-many"
    case large = "memory-large"

    func title(_ results: Results) -> String {
        switch self {
        case .callers: "memory, 256 callers"
        // Most of it is the callers' own: a task of 6 KB, a key and a value each.
        case .overload: "memory, 20,000 callers, who are too many"
        case .listMany: "memory, a list of \(results.listedRows) rows"
        case .large: "memory, ten seconds after 16 gets of 60 MB"
        }
    }
}
