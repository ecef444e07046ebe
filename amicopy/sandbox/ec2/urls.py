"""Where moto looks up what answers at which address; the names are moto's."""

from amicopy.sandbox.ec2.responses import SandboxResponse

url_bases = [r"https?://ec2\.(.+)\.amazonaws\.com(|\.cn)"]
url_paths = {"{0}/": SandboxResponse.dispatch}
