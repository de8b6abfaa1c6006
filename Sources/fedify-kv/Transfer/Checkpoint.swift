import ArgumentParser
import FedifyKv
import Foundation

/// How far an import or a copy has come, in a file that is written anew after each batch, for its owner alone.
struct Checkpoint: Codable {
    /// What is being done, from where to where.
    let work: String
    /// Import: the lines that are stored, and their bytes.
    var lines = 0
    var bytes = 0
    /// Copy: the last key that is stored.
    var last: [String]?

    init(work: String) {
        self.work = work
    }

    /// Reads what an interrupted run has left.
    ///
    /// - Parameters:
    ///   - path: The file; nil: there is none.
    ///   - work: What is to be done.
    /// - Returns: Where to go on; the beginning, if there is no such file.
    /// - Throws: `ValidationError` if the file is none, or that of other work.
    static func read(_ path: String?, work: String) throws -> Checkpoint {
        guard let path, FileManager.default.fileExists(atPath: path) else { return Checkpoint(work: work) }
        guard let data = FileManager.default.contents(atPath: path),
            let checkpoint = try? JSONDecoder().decode(Checkpoint.self, from: data)
        else { throw ValidationError("The file \(path) is no checkpoint, or can't be read.") }
        guard checkpoint.work == work else {
            throw ValidationError(
                "The checkpoint \(path) is that of other work: \(checkpoint.work). This one is: \(work). Name another file."
            )
        }
        return checkpoint
    }

    /// - Throws: `KvError` if the file can't be written.
    func write(to path: String?) throws {
        guard let path else { return }
        // Whole, or the former one stays.
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: try JSONEncoder().encode(self), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw KvError(.serverError, "the checkpoint \(path) can't be written") }
    }

    static func remove(_ path: String?) {
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
