import Foundation
import Support

/// The C program, and how many threads suit it best.
struct CLimit {
    let url: URLComponents
    let table: String

    init(url: String, table: String) throws {
        guard let components = URLComponents(string: url), components.host != nil else {
            throw Failure(description: "the benchmark needs the URL of a server that listens on TCP")
        }
        self.url = components
        self.table = table
    }

    func run(_ cell: Cell, port: Int?, threads: Int, keys: Int, seconds: Double, warmUp: Double) throws -> Score {
        let output = try output(
            of: cell.workload == "set-many" ? "set" : cell.workload, port: port, isEncrypted: cell.isEncrypted,
            ["\(threads)", "\(keys)", "\(seconds)", "\(warmUp)"])
        return try JSONDecoder().decode(Score.self, from: output)
    }

    /// The number of threads, from 1 to 16, that does the most.
    func bestThreads(_ cell: Cell, keys: Int, seconds: Double) throws -> Int {
        try [1, 2, 4, 8, 16].map { threads in
            let score = try run(cell, port: nil, threads: threads, keys: keys, seconds: seconds, warmUp: 0.1)
            return (threads, score.perSecond)
        }.max { $0.1 < $1.1 }?.0 ?? 1
    }

    /// What the server calls itself.
    func serverVersion() throws -> String {
        let output = try output(of: "server", port: nil, isEncrypted: false, ["1", "1", "0", "0"])
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func output(of workload: String, port: Int?, isEncrypted: Bool, _ numbers: [String]) throws -> Data {
        try ChildProcess(
            [
                url.host ?? "", "\(port ?? url.port ?? 3306)", url.user ?? "", url.password ?? "",
                String(url.path.dropFirst()), table, isEncrypted ? "tls=on" : "tls=off", workload,
            ] + numbers, program: "c-limit"
        ).output()
    }
}
