import ArgumentParser
import FedifyKv
import Foundation

/// The progress of an import or a copy, in a file that is rewritten after each batch and readable only by its owner.
struct Checkpoint: Codable {
    /// The job, with its source and destination.
    let work: String
    /// Import: the number of stored lines, and their bytes.
    var lines = 0
    var bytes = 0
    /// Copy: the last stored key.
    var last: [String]?

    init(work: String) {
        self.work = work
    }

    /// Reads the checkpoint of an interrupted run.
    ///
    /// - Parameters:
    ///   - path: The file; nil: none.
    ///   - work: The job.
    /// - Returns: Where to continue; the beginning, if the file doesn't exist.
    /// - Throws: `ValidationError` if the file is not a checkpoint, or belongs to a different job.
    static func read(_ path: String?, work: String) throws -> Checkpoint {
        guard let path, FileManager.default.fileExists(atPath: path) else { return Checkpoint(work: work) }
        guard let data = FileManager.default.contents(atPath: path),
            let checkpoint = try? JSONDecoder().decode(Checkpoint.self, from: data)
        else { throw ValidationError("The file \(path) is not a checkpoint file, or can't be read.") }
        guard checkpoint.work == work else {
            throw ValidationError(
                "The checkpoint \(path) belongs to a different job: \(checkpoint.work). This one is: \(work). Choose another file."
            )
        }
        return checkpoint
    }

    /// - Throws: `KvError` if the file can't be written.
    func write(to path: String?) throws {
        guard let path else { return }
        // Written atomically.
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: try JSONEncoder().encode(self), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw KvError(.serverError, "the checkpoint \(path) can't be written") }
    }

    static func remove(_ path: String?) {
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
