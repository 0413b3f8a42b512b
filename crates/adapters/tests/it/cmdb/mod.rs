mod cluster;
mod files;
mod kubernetes;
mod limits;
mod workbench;
