package import FedifyKv
import PipeSupport

extension KvEntry {
    /// The entry as a JSON object on one line.
    package var oneLine: String { "{\"key\":\(key.serialized),\"value\":\(value.oneLine)}" }
}
